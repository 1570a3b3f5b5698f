-- Part of a procedure: unblocks the head of each ordering group in @Group if it is Ready and no message of
-- the group is claimed. It is needed after every change that may have removed a message from a group or put
-- one back. The statement is a join, so that a plan that seeks the messages by Sequence always exists.
UPDATE q SET Blocked = 0
FROM @Group k
  CROSS APPLY (
    SELECT MIN(l.Sequence) AS Sequence FROM [$(Schema)].[$(Queue)] l WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE l.OrderingHash = k.OrderingHash AND l.InGroup = 1 AND l.OrderingKey IS NOT NULL) h
  JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) ON q.Sequence = h.Sequence
WHERE q.Status = 0 AND q.Blocked = 1 AND NOT EXISTS (
  SELECT 1 FROM [$(Schema)].[$(Queue)] c WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
  WHERE c.OrderingHash = k.OrderingHash AND c.Status = 1 AND c.InGroup = 1);
