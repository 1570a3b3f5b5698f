-- Part of a condition: whether q meets the conditions of Find. A condition whose parameter is null always holds.
      (@States & CASE WHEN q.Status = 2 AND q.EndReason IS NOT NULL THEN 16 WHEN q.Status = 3 THEN 8 WHEN q.Status = 2 THEN 4
        WHEN q.Status = 1 THEN 2 ELSE 1 END) <> 0
      AND (@Topic IS NULL OR UPPER(q.Topic COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2
        = UPPER(@Topic COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2)
      AND (@MessageIds IS NULL OR q.MessageId IN (SELECT MessageId FROM @Id))
      AND (@OrderingKey IS NULL OR q.OrderingHash = @OrderingHash)
      AND (@DedupKey IS NULL OR q.DedupHash = @DedupHash)
      AND (@CorrelationId IS NULL OR q.CorrelationId = @CorrelationId COLLATE Latin1_General_100_BIN2
        AND DATALENGTH(q.CorrelationId) = DATALENGTH(@CorrelationId))
      AND (@Source IS NULL OR q.Source = @Source COLLATE Latin1_General_100_BIN2 AND DATALENGTH(q.Source) = DATALENGTH(@Source))
      AND (@OlderThanMs = 0 OR q.SettledUtc <= @Since OR q.SettledUtc > @Now)
      AND (@EnqueuedFrom IS NULL OR q.EnqueuedUtc >= @FromUtc)
      AND (@EnqueuedBefore IS NULL OR q.EnqueuedUtc < @BeforeUtc)
      AND (@ErrorText IS NULL OR CHARINDEX(UPPER(@ErrorText COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2,
        UPPER(q.LastError COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2) > 0)
      AND (@PayloadText IS NULL OR CHARINDEX(@PayloadText COLLATE Latin1_General_100_BIN2, q.Payload COLLATE Latin1_General_100_BIN2) > 0)
