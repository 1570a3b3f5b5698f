-- Part of a claim: topics at their limit (Q4). The messages in @Claim for which their topic has no room are throttled:
-- they leave the index of due messages, so that no later claim reads them. If that leaves room in a full batch, claim
-- again; only a few times in a call, to bound the locks of one call.
-- Followers cannot start, so they use no room here; the claim takes them behind their head, or blocks them.
DELETE FROM @Full;
INSERT @Full (Sequence)
SELECT f.Sequence FROM (
  SELECT c.Sequence, r.Room, ROW_NUMBER() OVER (PARTITION BY r.Id ORDER BY c.Position) AS Nth
  FROM @Claim c JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK) ON q.Sequence = c.Sequence
:r parts/queue-room-of-topic.sql
  WHERE NOT (
:r parts/queue-is-follower.sql
  )
) f WHERE f.Nth > f.Room;
IF @@ROWCOUNT > 0
BEGIN
  UPDATE q SET Blocked = 2 FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) WHERE Sequence IN (SELECT Sequence FROM @Full);
  DELETE FROM @Claim WHERE Sequence IN (SELECT Sequence FROM @Full);
  IF @Count = @Read AND (SELECT COUNT(*) FROM @Claim) < @Limit
  BEGIN
    -- The next round reads more, because a topic at its limit has many messages in a row.
    SET @Read = CASE WHEN @Limit > 1000 THEN @Limit ELSE 1000 END;
    SET @Throttles = @Throttles + 1;
    IF @Throttles < 4 SET @Retry = 1;
    ELSE SET @More = 1;
  END;
END;
IF @Read > @Limit AND @Retry = 0
  DELETE FROM @Claim WHERE Position > (SELECT COALESCE(MAX(p.Position), 0) FROM (SELECT TOP (@Limit) Position FROM @Claim ORDER BY Position) p);
SELECT @Count = COUNT(*) FROM @Claim;
