-- Part of a claim: of a topic with a limit, it takes at most as many messages behind their heads as there is room for
-- (Q4). More would fill the run with messages that wait for each other. Each head's next message has room before the
-- ones behind that, so that the heads' keys go on at once. A chain ends before the first of those left;
-- messages behind it count all the same, so some room may stay unused until the next claim.
DELETE h FROM @Chain h JOIN (
  SELECT f.OrderingHash, MIN(f.Sequence) AS Sequence
  FROM (
    SELECT c.OrderingHash, c.Sequence, r.Room, ROW_NUMBER() OVER (PARTITION BY r.Id ORDER BY c.Place, c.DueUtc, c.Sequence) AS Nth
    FROM (
      SELECT Sequence, OrderingHash, DueUtc, ROW_NUMBER() OVER (PARTITION BY OrderingHash ORDER BY Sequence) AS Place FROM @Chain
    ) c JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK) ON q.Sequence = c.Sequence
:r parts/queue-room-of-topic.sql
    WHERE c.Place > 1
  ) f WHERE f.Nth > f.Room GROUP BY f.OrderingHash
) x ON x.OrderingHash = h.OrderingHash WHERE h.Sequence >= x.Sequence;
