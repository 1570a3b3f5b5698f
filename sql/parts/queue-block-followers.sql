-- Blocks the followers in ordering groups (Q10), which the header of queue-table.sql defines. Internal. Every
-- caller holds a lock on the row of the queue's lease, so only one caller at a time blocks and unblocks.
--
-- Reads skip rows that a producer has not committed (READPAST) and never wait for them, whether
-- READ_COMMITTED_SNAPSHOT is on or off.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Blocks the followers among the first @Window messages of the index of due messages, from @FromUtc on, and
-- unblocks the heads of their groups. The window bounds the number of locks of one call. The caller repeats
-- the call while followers are at the front of the index.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_BlockFollowers]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_BlockFollowers] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_BlockFollowers]
  @Window int,
  @FromUtc datetime2(3)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Follower TABLE (Sequence bigint NOT NULL PRIMARY KEY, OrderingHash binary(32) NOT NULL);
INSERT @Follower (Sequence, OrderingHash)
SELECT q.Sequence, q.OrderingHash
FROM (
  SELECT TOP (@Window) Sequence, OrderingHash FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
  WHERE Status = 0 AND Blocked = 0 AND DueUtc >= @FromUtc ORDER BY DueUtc, Sequence
) q
WHERE (
:r parts/queue-is-follower.sql
);
UPDATE q SET Blocked = 1 FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) WHERE Sequence IN (SELECT Sequence FROM @Follower);
DECLARE @Group TABLE (OrderingHash binary(32) NOT NULL PRIMARY KEY);
INSERT @Group (OrderingHash) SELECT DISTINCT OrderingHash FROM @Follower;
:r parts/queue-unblock.sql
GO
