-- Part of a call of a busy run: of each group with claimed messages, the first member that is not claimed.
  FROM (
    SELECT DISTINCT OrderingHash FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK)
    WHERE Status = 1 AND InGroup = 1 AND OrderingHash IS NOT NULL) k
    CROSS APPLY (
      SELECT TOP (1) l.Sequence, l.Status, l.Blocked, l.DueUtc FROM [$(Schema)].[$(Queue)] l WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
      WHERE l.OrderingHash = k.OrderingHash AND l.InGroup = 1 AND l.OrderingKey IS NOT NULL AND l.Status <> 1
      ORDER BY l.OrderingHash, l.Sequence) h
