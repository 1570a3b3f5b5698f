      -- Part of EnqueueMany: decides about each message in the order of the ordinals, as if each were a call
      -- of its own, then stores them with one INSERT. For each duplicate, @Match keeps only the row of the
      -- first message.
      UPDATE @New SET Fate = 0, ConflictKey = NULL, ConflictHash = NULL, Error = NULL WHERE Fate > 0;
      SET @Ordinal = (SELECT MIN(Ordinal) FROM @New);
      WHILE @Ordinal IS NOT NULL
      BEGIN
        SELECT @First = NULL, @Conflict = 0;
        SELECT TOP (1) @First = f.MessageId, @FirstUtc = f.EnqueuedUtc, @Conflict = f.Conflict FROM (
          SELECT 0 AS InCall, m.Sequence AS Place, m.MessageId, m.EnqueuedUtc, m.Conflict FROM @Match m WHERE m.Ordinal = @Ordinal
          UNION ALL
          -- A conflict is stored as Dead under its own message id but with another dedup key, so later messages can
          -- match only its id.
          SELECT 1, s.Ordinal, s.MessageId, @Now, CASE WHEN s.Hash <> n.Hash THEN 1 ELSE 0 END
          FROM @New n JOIN @New s ON s.Ordinal < n.Ordinal AND (
            (s.Fate IN (0, 2) AND s.MessageId = n.MessageId) OR (s.Fate = 0 AND s.DedupHash = n.DedupHash AND s.Source = n.Source))
          WHERE n.Ordinal = @Ordinal
        ) f ORDER BY f.InCall, f.Place;
        IF @First IS NOT NULL
        BEGIN
          UPDATE @New SET Fate = 1 WHERE Ordinal = @Ordinal;
          DELETE FROM @Match WHERE Ordinal = @Ordinal;
          INSERT @Match (Ordinal, Sequence, MessageId, EnqueuedUtc, Conflict) VALUES (@Ordinal, 0, @First, @FirstUtc, @Conflict);
        END;
        IF @Conflict = 1
        BEGIN
          SELECT @ConflictKey = COALESCE(DedupKey, CAST(MessageId AS nvarchar(36))) + NCHAR(31) + Hash, @Source = Source
          FROM @New WHERE Ordinal = @Ordinal;
          SET @ConflictHash = HASHBYTES('SHA2_256', @ConflictKey);
          UPDATE n
          SET Fate = 2, ConflictKey = @ConflictKey, ConflictHash = @ConflictHash,
            Error = N'This id was received before with other content, as message ' + LOWER(CAST(@First AS nvarchar(36))) + N'; compare the two, then discard or replay this one.'
          FROM @New n
          WHERE n.Ordinal = @Ordinal
            AND NOT EXISTS (SELECT 1 FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE q.MessageId = n.MessageId)
            AND NOT EXISTS (
              SELECT 1 FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK)
              WHERE q.DedupHash = @ConflictHash AND q.Source = @Source AND q.DedupKey IS NOT NULL)
            AND NOT EXISTS (
              SELECT 1 FROM @New s WHERE s.Ordinal < n.Ordinal AND s.Fate IN (0, 2)
                AND (s.MessageId = n.MessageId OR (s.ConflictHash = @ConflictHash AND s.Source = n.Source)));
        END;
        SET @Ordinal = (SELECT MIN(Ordinal) FROM @New WHERE Ordinal > @Ordinal);
      END;
      INSERT [$(Schema)].[$(Queue)]
        (MessageId, Topic, CorrelationId, OrderingKey, DedupKey, Source, Hash, EnqueuedUtc, DueUtc, Headers, Payload, PayloadEscaped,
          Status, InGroup, SettledUtc, FirstError, LastError)
      SELECT n.MessageId, n.Topic, n.CorrelationId, n.OrderingKey, COALESCE(n.ConflictKey, n.DedupKey), n.Source, n.Hash, @Now,
        CASE WHEN n.Fate = 2 THEN @Now
          ELSE DATEADD(millisecond, CAST(n.DelayMs % 1000 AS int), DATEADD(second, CAST(n.DelayMs / 1000 AS int), @Now)) END,
        n.Headers, n.Payload, n.PayloadEscaped, CASE WHEN n.Fate = 2 THEN 3 ELSE 0 END, CASE WHEN n.Fate = 2 THEN 0 ELSE 1 END,
        CASE WHEN n.Fate = 2 THEN @Now END, n.Error, n.Error
      FROM @New n WHERE n.Fate IN (0, 2)
      ORDER BY n.Ordinal;
