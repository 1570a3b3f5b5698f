-- Part of LeaseSettleClaim. Claims the oldest due messages (Q4). Together with the head of an ordering group it
-- claims the due messages right behind the head (Q10).
-- While a recovered message is in flight, no other message is claimed (Q7).
IF @Solo = 0 AND @Then = N'claim' AND EXISTS (
    SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST) WHERE Status = 1 AND Recovered = 1)
  SET @OnlySolo = 1;
IF @Held = 1 AND @Committed = 0 AND @Then = N'claim' AND @OnlySolo = 0
BEGIN
  IF @Throttled = 1 EXEC [$(Schema)].[$(Queue)_PutBack] @Rooms, @Limit, @From OUTPUT, @ThrottledAfter OUTPUT, @More OUTPUT;
  SELECT @Retry = 1, @Read = @Limit;
  WHILE @Retry = 1
  BEGIN
    SET @Retry = 0;
    INSERT @Claim (Sequence, OrderingHash, DueUtc, Recovered, Bytes)
    SELECT TOP (@Read) Sequence, OrderingHash, DueUtc, Recovered, ContentBytes
    FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Blocked = 0 AND DueUtc >= @From AND DueUtc <= @Now ORDER BY DueUtc, Sequence;
    SET @Count = @@ROWCOUNT;
    IF @HasRooms = 1
    BEGIN
:r parts/queue-throttle.sql
    END;
    -- Only a full batch may leave out messages before @From, so a run sees the end of its backlog from the front.
    IF @Retry = 0 AND @From > @Front AND (@Count = 0 OR (@Begin = 0 AND @Count < @Limit))
      SELECT @From = @Front, @Retry = 1;
    ELSE IF @Retry = 0 AND EXISTS (SELECT 1 FROM @Claim WHERE OrderingHash IS NOT NULL)
    BEGIN
      -- Read the first messages of each group: as many as the index of due messages gave, plus a share of the
      -- remaining room.
      DELETE FROM @Key;
      DELETE FROM @Chain;
      INSERT @Key (OrderingHash, Found, Recovered)
      SELECT c.OrderingHash, COUNT(*), MAX(CASE WHEN c.Recovered = 1 THEN 1 ELSE 0 END) FROM @Claim c
      WHERE c.OrderingHash IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM [$(Schema)].[$(Queue)] r WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
        WHERE r.OrderingHash = c.OrderingHash AND r.Status = 1 AND r.InGroup = 1)
      GROUP BY c.OrderingHash;
      SET @Keys = @@ROWCOUNT;
      -- The share is all of the remaining room, plus one message that shows whether more are behind; it is
      -- smaller when there are many groups.
      SET @Share = 1 + @Limit - @Count;
      IF CAST(@Keys AS bigint) * @Share > 10000 SET @Share = 1 + 10000 / @Keys;
      -- A message never comes before its predecessor. The chain ends at the first message that is Dead, throttled
      -- or not due. It also ends at a recovered message, which becomes the head after the messages before it are
      -- settled, and is then claimed by itself, or with the recovered ones before it.
      INSERT @Chain (Sequence, OrderingHash, DueUtc, Recovered, Bytes, Behind)
      SELECT t.Sequence, t.OrderingHash, t.ComesUtc, t.Recovered, t.ContentBytes, CASE WHEN t.Stops > 0 THEN 1 ELSE 0 END
      FROM (
        SELECT n.Sequence, n.OrderingHash, n.Recovered, n.ContentBytes,
          MAX(n.DueUtc) OVER (PARTITION BY n.OrderingHash ORDER BY n.Sequence ROWS UNBOUNDED PRECEDING) AS ComesUtc,
          SUM(CASE WHEN n.Status = 0 AND n.Blocked < 2 AND n.DueUtc <= @Now THEN 0 ELSE 1 END)
            OVER (PARTITION BY n.OrderingHash ORDER BY n.Sequence ROWS UNBOUNDED PRECEDING) AS Breaks,
          SUM(CASE WHEN n.Recovered = 1 AND n.Nth > 1 AND (n.IsAfterRecovered = 0 OR @Together = 1) THEN 1 ELSE 0 END)
            OVER (PARTITION BY n.OrderingHash ORDER BY n.Sequence ROWS UNBOUNDED PRECEDING) AS Stops
        FROM (
          SELECT k.OrderingHash, k.Recovered AS IsAfterRecovered, l.Sequence, l.Status, l.Blocked, l.DueUtc, l.Recovered, l.ContentBytes,
            ROW_NUMBER() OVER (PARTITION BY k.OrderingHash ORDER BY l.Sequence) AS Nth
          FROM @Key k CROSS APPLY (
            SELECT TOP (k.Found + @Share) q.Sequence, q.Status, q.Blocked, q.DueUtc, q.Recovered, q.ContentBytes
            FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
            WHERE q.OrderingHash = k.OrderingHash AND q.InGroup = 1 AND q.OrderingKey IS NOT NULL
            ORDER BY q.Sequence) l
        ) n
      ) t WHERE t.Breaks = 0;
      DELETE FROM @Chain WHERE Behind = 1;
      IF @@ROWCOUNT > 0 SET @More = 1;
      IF @HasRooms = 1
      BEGIN
:r parts/queue-shorten-chains.sql
      END;
      IF EXISTS (
        SELECT 1 FROM @Claim c
        WHERE c.OrderingHash IS NOT NULL AND NOT EXISTS (SELECT 1 FROM @Chain h WHERE h.Sequence = c.Sequence))
      BEGIN
        -- These messages are followers. If they took the room of other messages, claim again without them. A call
        -- does so only a few times, to bound its locks.
        SET @Window = CASE WHEN @Limit > 4000 THEN @Limit ELSE 4000 END;
        EXEC [$(Schema)].[$(Queue)_BlockFollowers] @Window, @From;
        SET @Rounds = @Rounds + 1;
        IF @Count = @Limit AND @Rounds < 4 SET @Retry = 1;
      END;
      IF @Retry = 0
      BEGIN
        -- READPAST skipped the messages that producers have not committed. A second read sees these messages and
        -- takes no lock. The chain ends before the first of them.
        UPDATE k SET Uncommitted = u.Sequence
        FROM @Key k JOIN (
          SELECT l.OrderingHash, f.Sequence
          FROM (SELECT OrderingHash, MAX(Sequence) AS Sequence FROM @Chain GROUP BY OrderingHash) l
            -- In the order of the index, so that Babelfish seeks each group.
            CROSS APPLY (
              SELECT TOP (1) e.Sequence FROM [$(Schema)].[$(Queue)] e WITH (FORCESEEK, READUNCOMMITTED)
              WHERE e.OrderingHash = l.OrderingHash AND e.InGroup = 1 AND e.OrderingKey IS NOT NULL AND e.Sequence < l.Sequence
                AND NOT EXISTS (SELECT 1 FROM @Chain c WHERE c.Sequence = e.Sequence)
              ORDER BY e.OrderingHash, e.Sequence) f
        ) u ON u.OrderingHash = k.OrderingHash;
        IF @@ROWCOUNT > 0
        BEGIN
          -- No event tells that the producer commits or rolls back. So a head that has to wait is due again after
          -- a quarter of its age, but after at least 20 ms and at most 1 s. Until then it takes no other message's
          -- room in a claim.
          UPDATE q
          SET DueSetUtc = @Now, DueUtc = DATEADD(millisecond, CASE
            WHEN EnqueuedUtc >= DATEADD(millisecond, -80, @Now) THEN 20
            WHEN EnqueuedUtc <= DATEADD(second, -4, @Now) THEN 1000
            ELSE DATEDIFF(millisecond, EnqueuedUtc, @Now) / 4 END, @Now)
          FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)
          WHERE Sequence IN (
            SELECT MIN(c.Sequence) FROM @Chain c JOIN @Key k ON k.OrderingHash = c.OrderingHash
            GROUP BY c.OrderingHash HAVING MIN(c.Sequence) > MIN(k.Uncommitted));
          DELETE c FROM @Chain c JOIN @Key k ON k.OrderingHash = c.OrderingHash WHERE c.Sequence > k.Uncommitted;
          IF @Count = @Limit AND @Rounds < 4 SELECT @Retry = 1, @Rounds = @Rounds + 1;
        END;
      END;
      IF @Retry = 0
      BEGIN
        INSERT @Chain (Sequence, OrderingHash, DueUtc, Recovered, Bytes, Behind)
        SELECT Sequence, NULL, DueUtc, Recovered, Bytes, 0 FROM @Claim WHERE OrderingHash IS NULL;
        DELETE FROM @Claim;
        INSERT @Claim (Sequence, OrderingHash, DueUtc, Recovered, Bytes)
        SELECT TOP (@Limit) Sequence, OrderingHash, DueUtc, Recovered, Bytes FROM @Chain ORDER BY DueUtc, Sequence;
        -- The messages over the limit come right behind the claimed ones, so more can be claimed once those
        -- are settled.
        IF (SELECT COUNT(*) FROM @Chain) > @Limit SET @More = 1;
      END;
    END;
    IF @Retry = 1 DELETE FROM @Claim;
  END;
  -- A recovered message is claimed by itself, and only when no other message of the run is in flight (Q7). Up to
  -- @Together that were started once may be claimed together.
  SELECT @First = MIN(Position), @Cut = MIN(CASE WHEN Recovered = 1 THEN Position END) FROM @Claim;
  IF @Cut IS NOT NULL
  BEGIN
    IF @Cut = @First AND @Solo = 0 SET @OnlySolo = 1;
    ELSE IF @Cut = @First
    BEGIN
      SET @Cut = @First + 1;
      IF @Together > 1
        SELECT @Cut = COALESCE(MIN(CASE WHEN n.Position = @First THEN @First + 1 ELSE n.Position END), 2147483647)
        FROM (
          SELECT c.Position, c.Recovered, q.Attempts, ROW_NUMBER() OVER (ORDER BY c.Position) AS Nth
          FROM @Claim c JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK) ON q.Sequence = c.Sequence
        ) n
        WHERE n.Recovered = 0 OR n.Attempts > 1 OR n.Nth > @Together;
    END;
    DELETE FROM @Claim WHERE Position >= @Cut;
    IF @@ROWCOUNT > 0 SET @More = 1;
  END;
  -- Limit the bytes of payloads and headers, but keep at least one message, whatever its size. A small message does not
  -- overtake a large one before it.
  IF (SELECT SUM(Bytes) FROM @Claim) > @MaxBytes
  BEGIN
    DELETE FROM @Claim WHERE Position > @First AND Position IN (
      SELECT r.Position FROM (
        SELECT Position, SUM(Bytes) OVER (ORDER BY Position ROWS UNBOUNDED PRECEDING) AS Running FROM @Claim
      ) r WHERE r.Running > @MaxBytes);
    IF @@ROWCOUNT > 0 SET @More = 1;
  END;
  -- Another program may have stored the greatest integer; adding to it would fail the whole claim.
  UPDATE q
  SET Status = 1, ClaimFence = @Fence, Attempts = CASE WHEN Attempts < 2147483647 THEN Attempts + 1 ELSE Attempts END, Blocked = 0
  FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)
  WHERE Sequence IN (SELECT Sequence FROM @Claim);
  SET @Claimed = @@ROWCOUNT;
END;
