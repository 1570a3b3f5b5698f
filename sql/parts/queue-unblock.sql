-- Part of a procedure: unblocks the head of each ordering group in @Group, where it is Ready and no message of the group is
-- claimed. Wanted after anything that may have taken a message out of a group or put one back.
UPDATE [$(Schema)].[$(Queue)] WITH (FORCESEEK, ROWLOCK) SET Blocked = 0
WHERE Status = 0 AND Blocked = 1 AND Sequence IN (
  SELECT (
    SELECT MIN(l.Sequence) FROM [$(Schema)].[$(Queue)] l WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE l.OrderingHash = k.OrderingHash AND l.InGroup = 1 AND l.OrderingKey IS NOT NULL)
  FROM @Group k
  WHERE NOT EXISTS (
    SELECT 1 FROM [$(Schema)].[$(Queue)] c WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE c.OrderingHash = k.OrderingHash AND c.Status = 1));
