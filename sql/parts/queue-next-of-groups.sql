-- Part of the call of a busy run: the members that come next in the groups of the claimed messages, one more in each group
-- than are claimed. They are read in the order of their index (OrderingHash, Sequence), which spares Babelfish a sort of the
-- whole group.
FROM (
    SELECT OrderingHash, COUNT(*) AS Claimed FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK)
    WHERE Status = 1 AND InGroup = 1 AND OrderingHash IS NOT NULL GROUP BY OrderingHash) k
  CROSS APPLY (
    SELECT TOP (k.Claimed + 1) l.Sequence, l.Status, l.Blocked, l.DueUtc
    FROM [$(Schema)].[$(Queue)] l WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE l.OrderingHash = k.OrderingHash AND l.InGroup = 1 AND l.OrderingKey IS NOT NULL AND l.Status <> 1
    ORDER BY l.OrderingHash, l.Sequence) n
