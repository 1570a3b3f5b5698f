-- Part of a procedure: lets the head of each line in @Line forward, where it is Ready and nothing of its key is claimed.
-- Wanted after anything that may have taken a message out of a line or put one back.
UPDATE [$(Schema)].[$(Queue)] SET HeldBack = 0
WHERE Status = 0 AND HeldBack = 1 AND Sequence IN (
  SELECT (
    SELECT MIN(l.Sequence) FROM [$(Schema)].[$(Queue)] l WITH (READCOMMITTEDLOCK, READPAST)
    WHERE l.OrderingHash = k.OrderingHash AND l.InLine = 1 AND l.OrderingKey IS NOT NULL)
  FROM @Line k
  WHERE NOT EXISTS (
    SELECT 1 FROM [$(Schema)].[$(Queue)] c WITH (READCOMMITTEDLOCK, READPAST)
    WHERE c.OrderingHash = k.OrderingHash AND c.Status = 1));
