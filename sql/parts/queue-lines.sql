-- Lines of ordering keys (Q10); what a line is stands at the head of queue-table.sql. Internal: called by procedures
-- that hold the row of the queue's lease, and so alone move the lines.
--
-- Reads skip what a producer has not committed (READPAST) instead of waiting for it, with READ_COMMITTED_SNAPSHOT on
-- or off.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Holds back the strays among the first @Window messages of the index of due ones, and lets the head of each of their
-- lines forward. The window bounds the locks of one call; who calls comes again while there are strays in front.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_HoldBack]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_HoldBack] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_HoldBack]
  @Window int
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Stray TABLE (Sequence bigint NOT NULL PRIMARY KEY, OrderingHash binary(32) NOT NULL);
INSERT @Stray (Sequence, OrderingHash)
SELECT w.Sequence, w.OrderingHash
FROM (
  SELECT TOP (@Window) Sequence, OrderingHash FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
  WHERE Status = 0 AND HeldBack = 0 ORDER BY DueUtc, Sequence
) w
WHERE w.OrderingHash IS NOT NULL AND (
  EXISTS (
    SELECT 1 FROM [$(Schema)].[$(Queue)] l WITH (READCOMMITTEDLOCK, READPAST)
    WHERE l.OrderingHash = w.OrderingHash AND l.InLine = 1 AND l.OrderingKey IS NOT NULL AND l.Sequence < w.Sequence)
  OR EXISTS (
    SELECT 1 FROM [$(Schema)].[$(Queue)] c WITH (READCOMMITTEDLOCK, READPAST)
    WHERE c.OrderingHash = w.OrderingHash AND c.Status = 1));
UPDATE [$(Schema)].[$(Queue)] SET HeldBack = 1 WHERE Sequence IN (SELECT Sequence FROM @Stray);
DECLARE @Line TABLE (OrderingHash binary(32) NOT NULL PRIMARY KEY);
INSERT @Line (OrderingHash) SELECT DISTINCT OrderingHash FROM @Stray;
:r parts/queue-let-forward.sql
GO
