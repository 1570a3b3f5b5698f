-- Draws in due times that a clock has left too far ahead (Q16). Internal. Every caller holds a lock on the row of the
-- queue's lease.
--
-- A due time is a delay after the time at which it was set. If that time is later than now, by more than a second, the
-- clock was set back since; a server that keeps its time moves its clock by less. The message would wait longer than
-- its delay, so it becomes due after its delay from now.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Takes the 1,000 that were set first, to bound the number of locks of one call. It finds them by the time at which they
-- were set, wherever they are among the other due times.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_DrawInDueTimes]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_DrawInDueTimes] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_DrawInDueTimes]
  @Now datetime2(3)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
-- @Now is the time of the caller's claim. A producer may have set a later time since.
DECLARE @Clock datetime2(3) = SYSUTCDATETIME();
DECLARE @Latest datetime2(3) = DATEADD(second, 1, CASE WHEN @Clock > @Now THEN @Clock ELSE @Now END);
DECLARE @Ahead TABLE (Sequence bigint NOT NULL PRIMARY KEY, DelayMs bigint NOT NULL);
INSERT @Ahead (Sequence, DelayMs)
SELECT TOP (1000) Sequence, CASE WHEN DueUtc > SetUtc THEN DATEDIFF_BIG(millisecond, SetUtc, DueUtc) ELSE 0 END
FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
WHERE Status = 0 AND Blocked = 0 AND SetUtc > @Latest ORDER BY SetUtc, Sequence;
IF @@ROWCOUNT = 0 RETURN;
-- Plain SQL may have stored a delay of any length; seconds would overflow after 68 years, days do not.
UPDATE q
SET DueSetUtc = @Now,
  DueUtc = CASE WHEN q.DueUtc <= @Now THEN q.DueUtc
    ELSE DATEADD(millisecond, CAST(a.DelayMs % 86400000 AS int), DATEADD(day, CAST(a.DelayMs / 86400000 AS int), @Now)) END
FROM @Ahead a JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) ON q.Sequence = a.Sequence;
GO
