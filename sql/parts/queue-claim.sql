-- Part of LeaseSettleClaim. The oldest due first (Q4); with the head of an ordering group the due ones right behind it (Q10).
IF @Held = 1 AND @Committed = 0 AND @Then = N'claim'
  -- Nothing is handed out beside a recovered message in flight (Q7).
  AND NOT (@Solo = 0 AND EXISTS (
    SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST) WHERE Status = 1 AND Recovered = 1))
BEGIN
  SET @Retry = 1;
  WHILE @Retry = 1
  BEGIN
    SET @Retry = 0;
    INSERT @Claim (Sequence, OrderingHash, DueUtc, Recovered, Bytes)
    SELECT TOP (@Limit) Sequence, OrderingHash, DueUtc, Recovered, PayloadBytes
    FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Blocked = 0 AND DueUtc <= @Now ORDER BY DueUtc, Sequence;
    SET @Count = @@ROWCOUNT;
    IF EXISTS (SELECT 1 FROM @Claim WHERE OrderingHash IS NOT NULL)
    BEGIN
      -- Of each group the first messages, as many as were found in front and a share of the room that is left.
      DELETE FROM @Key;
      DELETE FROM @Chain;
      INSERT @Key (OrderingHash, Found)
      SELECT c.OrderingHash, COUNT(*) FROM @Claim c
      WHERE c.OrderingHash IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM [$(Schema)].[$(Queue)] r WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
        WHERE r.OrderingHash = c.OrderingHash AND r.Status = 1)
      GROUP BY c.OrderingHash;
      SET @Keys = @@ROWCOUNT;
      -- All the room that is left, and one more to know whether anything is behind; less where many groups are read.
      SET @Share = 1 + @Limit - @Count;
      IF @Keys * @Share > 10000 SET @Share = 1 + 10000 / @Keys;
      -- A message comes no earlier than its predecessor. The first that is not due, or Dead, ends the chain; and so does
      -- a recovered one, which becomes the head once those before it have settled, and then has a claim of its own.
      INSERT @Chain (Sequence, OrderingHash, DueUtc, Recovered, Bytes, Behind)
      SELECT t.Sequence, t.OrderingHash, t.ComesUtc, t.Recovered, t.PayloadBytes, CASE WHEN t.Stops > 0 THEN 1 ELSE 0 END
      FROM (
        SELECT n.Sequence, n.OrderingHash, n.Recovered, n.PayloadBytes,
          MAX(n.DueUtc) OVER (PARTITION BY n.OrderingHash ORDER BY n.Sequence ROWS UNBOUNDED PRECEDING) AS ComesUtc,
          SUM(CASE WHEN n.Status = 0 AND n.DueUtc <= @Now THEN 0 ELSE 1 END)
            OVER (PARTITION BY n.OrderingHash ORDER BY n.Sequence ROWS UNBOUNDED PRECEDING) AS Breaks,
          SUM(CASE WHEN n.Recovered = 1 AND n.Nth > 1 THEN 1 ELSE 0 END)
            OVER (PARTITION BY n.OrderingHash ORDER BY n.Sequence ROWS UNBOUNDED PRECEDING) AS Stops
        FROM (
          SELECT k.OrderingHash, l.Sequence, l.Status, l.DueUtc, l.Recovered, l.PayloadBytes,
            ROW_NUMBER() OVER (PARTITION BY k.OrderingHash ORDER BY l.Sequence) AS Nth
          FROM @Key k CROSS APPLY (
            SELECT TOP (k.Found + @Share) q.Sequence, q.Status, q.DueUtc, q.Recovered, q.PayloadBytes
            FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
            WHERE q.OrderingHash = k.OrderingHash AND q.InGroup = 1 AND q.OrderingKey IS NOT NULL
            ORDER BY q.Sequence) l
        ) n
      ) t WHERE t.Breaks = 0;
      DELETE FROM @Chain WHERE Behind = 1;
      IF @@ROWCOUNT > 0 SET @More = 1;
      IF EXISTS (
        SELECT 1 FROM @Claim c
        WHERE c.OrderingHash IS NOT NULL AND NOT EXISTS (SELECT 1 FROM @Chain h WHERE h.Sequence = c.Sequence))
      BEGIN
        -- Followers. Where they took the places of others the claim is made anew, without them; a few times a call, so that
        -- the locks of one call are bounded.
        SET @Window = CASE WHEN @Limit > 4000 THEN @Limit ELSE 4000 END;
        EXEC [$(Schema)].[$(Queue)_BlockFollowers] @Window;
        SET @Rounds = @Rounds + 1;
        IF @Count = @Limit AND @Rounds < 4 SET @Retry = 1;
      END;
      IF @Retry = 0
      BEGIN
        INSERT @Chain (Sequence, OrderingHash, DueUtc, Recovered, Bytes, Behind)
        SELECT Sequence, NULL, DueUtc, Recovered, Bytes, 0 FROM @Claim WHERE OrderingHash IS NULL;
        DELETE FROM @Claim;
        INSERT @Claim (Sequence, OrderingHash, DueUtc, Recovered, Bytes)
        SELECT TOP (@Limit) Sequence, OrderingHash, DueUtc, Recovered, Bytes FROM @Chain ORDER BY DueUtc, Sequence;
        -- Those left over stand right behind what is claimed: there is more, once that has settled.
        IF (SELECT COUNT(*) FROM @Chain) > @Limit SET @More = 1;
      END;
    END;
    IF @Retry = 1 DELETE FROM @Claim;
  END;
  -- A recovered message has a claim of its own, and only when nothing else of the run is in flight (Q7).
  SELECT @First = MIN(Position), @Cut = MIN(CASE WHEN Recovered = 1 THEN Position END) FROM @Claim;
  IF @Cut IS NOT NULL
  BEGIN
    IF @Cut = @First AND @Solo = 1 SET @Cut = @Cut + 1;
    DELETE FROM @Claim WHERE Position >= @Cut;
    IF @@ROWCOUNT > 0 SET @More = 1;
  END;
  -- Payload bytes: at least one message, whatever its size; smaller ones behind a large one do not pass it.
  IF (SELECT SUM(Bytes) FROM @Claim) > @MaxBytes
  BEGIN
    DELETE FROM @Claim WHERE Position > @First AND Position IN (
      SELECT r.Position FROM (
        SELECT Position, SUM(Bytes) OVER (ORDER BY Position ROWS UNBOUNDED PRECEDING) AS Running FROM @Claim
      ) r WHERE r.Running > @MaxBytes);
    IF @@ROWCOUNT > 0 SET @More = 1;
  END;
  UPDATE [$(Schema)].[$(Queue)] WITH (FORCESEEK, ROWLOCK)
  SET Status = 1, ClaimFence = @Fence, Attempts = Attempts + 1, Blocked = 0
  WHERE Sequence IN (SELECT Sequence FROM @Claim);
  SET @Claimed = @@ROWCOUNT;
END;
