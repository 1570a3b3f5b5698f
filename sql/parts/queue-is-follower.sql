-- Part of a condition: whether q, a Ready message, is a follower (queue-table.sql). It may not be blocked yet.
      q.OrderingHash IS NOT NULL AND (
        EXISTS (
          SELECT 1 FROM [$(Schema)].[$(Queue)] e WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
          WHERE e.OrderingHash = q.OrderingHash AND e.InGroup = 1 AND e.OrderingKey IS NOT NULL AND e.Sequence < q.Sequence)
        OR EXISTS (
          SELECT 1 FROM [$(Schema)].[$(Queue)] r WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
          WHERE r.OrderingHash = q.OrderingHash AND r.Status = 1 AND r.InGroup = 1))
