-- Draws in due times that a clock has left too far ahead (Q16). Internal. Every caller holds a lock on the row of the
-- queue's lease.
--
-- A due time is a delay after the time at which it was set. If that time is later than now, by more than a second, the
-- clock was set back since; a server that keeps its time moves its clock by less. The message would wait longer than
-- its delay, so it becomes due after its delay from now.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Looks at the next 1,000 messages that are not due yet, to bound the number of locks of one call, and only if the first
-- of them is too far ahead.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_DrawInDueTimes]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_DrawInDueTimes] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_DrawInDueTimes]
  @Now datetime2(3)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @NextSet datetime2(3), @Latest datetime2(3) = DATEADD(second, 1, @Now);
DECLARE @Ahead TABLE (Sequence bigint NOT NULL PRIMARY KEY, DelayMs bigint NOT NULL);
SELECT TOP (1) @NextSet = COALESCE(DueSetUtc, EnqueuedUtc) FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
WHERE Status = 0 AND Blocked = 0 AND DueUtc > @Now ORDER BY DueUtc, Sequence;
IF @NextSet IS NULL OR @NextSet <= @Latest RETURN;
INSERT @Ahead (Sequence, DelayMs)
SELECT Sequence, CASE WHEN DueUtc > SetUtc THEN DATEDIFF_BIG(millisecond, SetUtc, DueUtc) ELSE 0 END
FROM (
  SELECT TOP (1000) Sequence, DueUtc, COALESCE(DueSetUtc, EnqueuedUtc) AS SetUtc
  FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
  WHERE Status = 0 AND Blocked = 0 AND DueUtc > @Now ORDER BY DueUtc, Sequence
) w
WHERE SetUtc > @Latest;
UPDATE q
SET DueSetUtc = @Now,
  DueUtc = DATEADD(millisecond, CAST(a.DelayMs % 1000 AS int), DATEADD(second, CAST(a.DelayMs / 1000 AS int), @Now))
FROM @Ahead a JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) ON q.Sequence = a.Sequence;
GO
