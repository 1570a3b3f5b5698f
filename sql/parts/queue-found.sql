-- Part of a statement: the columns of a found message q: everything but its content.
    q.Sequence, q.MessageId, q.Topic, q.CorrelationId, q.OrderingKey, q.EnqueuedUtc, q.DueUtc, q.Attempts, q.Parks,
    q.Recovered, q.Status, q.Source, q.DedupKey, CASE WHEN q.Status = 1 THEN q.ClaimFence END AS ClaimFence, q.LastError,
    q.FirstError, q.ReplayCount, q.SettledUtc, q.EndReason, q.ContentBytes,
:r parts/queue-version.sql
    AS Version,
    CAST(CASE WHEN q.Status = 0 AND q.OrderingHash IS NOT NULL AND (q.Blocked = 1 OR
:r parts/queue-is-follower.sql
      ) THEN 1 ELSE 0 END AS bit) AS Blocked
