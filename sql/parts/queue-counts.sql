-- What a run leaves behind in its queue (S2), for the registry. Each count ends at 10,000 messages of an index, so that it
-- costs little however much is stored.
--
-- These reads wait for no open transaction: they skip rows that it has locked. The numbers are for people, as of one
-- moment, and no decision of a run depends on them. A queue is called empty only if no call of an operator may
-- have locked its messages. Messages that are not committed do not count.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Internal; see Begin and SettleAndClaim, which call it after they have committed and answered: an error here must not hide what
-- they did. Returns one row: Unblocked, Due, Throttled, Blocked, Dead; Members: the messages of ordering groups that were looked
-- at for blocked ones; IsEmpty: 1 if no message is left that could be tried again or replayed; OldestDueAgeMs: negative if the
-- next message is not due yet, null without one; Parked: [{"topic":"…","count":2}], the 20 topics with the most parked messages,
-- or null.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_CountStored]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_CountStored] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_CountStored]
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Now datetime2(3) = SYSUTCDATETIME(), @Parked nvarchar(max);
DECLARE @Unblocked int, @Due int, @Throttled int, @Members int, @Blocked int, @Dead int, @AgeMs bigint, @IsEmpty bit = 0;
SELECT @Unblocked = u.Unblocked, @Due = u.Due, @Throttled = t.Throttled, @Members = m.Members, @Blocked = m.Blocked, @Dead = d.Dead,
  @AgeMs = DATEDIFF_BIG(millisecond, CASE WHEN t.FirstUtc < u.FirstUtc OR u.FirstUtc IS NULL THEN t.FirstUtc ELSE u.FirstUtc END, @Now)
FROM (
    SELECT COUNT(*) AS Unblocked, COALESCE(SUM(CASE WHEN v.DueUtc <= @Now THEN 1 ELSE 0 END), 0) AS Due, MIN(v.DueUtc) AS FirstUtc
    FROM (
      SELECT TOP (10000) DueUtc FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
      WHERE Status = 0 AND Blocked = 0 ORDER BY DueUtc, Sequence
    ) v
  ) u
  CROSS JOIN (
    SELECT COUNT(*) AS Throttled, MIN(v.DueUtc) AS FirstUtc
    FROM (
      SELECT TOP (10000) DueUtc FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
      WHERE Status = 0 AND Blocked = 2 AND InGroup = 1
    ) v
  ) t
  CROSS JOIN (
    SELECT COUNT(*) AS Members, COALESCE(SUM(CASE WHEN v.Status = 0 AND v.Blocked = 1 THEN 1 ELSE 0 END), 0) AS Blocked
    FROM (
      SELECT TOP (10000) Status, Blocked FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
      WHERE InGroup = 1 AND OrderingKey IS NOT NULL
    ) v
  ) m
  CROSS JOIN (
    SELECT COUNT(*) AS Dead
    FROM (SELECT TOP (10000) Sequence FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST) WHERE Status = 3) v
  ) d;
IF EXISTS (
    SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Parks > 0 AND InGroup = 1)
  SET @Parked = (
    SELECT TOP (20) v.Topic AS topic, COUNT(*) AS count
    FROM (
      SELECT TOP (10000) Topic FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
      WHERE Status = 0 AND Parks > 0 AND InGroup = 1
    ) v
    GROUP BY v.Topic ORDER BY COUNT(*) DESC FOR JSON PATH);
-- Replay and Discard lock the lease's row first. If it is locked now, they may have locked messages that were skipped above.
IF @Unblocked = 0 AND @Throttled = 0 AND @Members = 0 AND @Dead = 0
  AND NOT EXISTS (SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) WHERE Status = 1 AND InGroup = 1)
  AND EXISTS (
    SELECT 1 FROM [$(Schema)].[Leases] WITH (READCOMMITTEDLOCK, READPAST)
    WHERE NameHash = HASHBYTES('SHA2_256', N'queue:$(QueueName)'))
  SET @IsEmpty = 1;
SELECT @Unblocked AS Unblocked, @Due AS Due, @Throttled AS Throttled, @Members AS Members, @Blocked AS Blocked, @Dead AS Dead,
  @IsEmpty AS IsEmpty, @AgeMs AS OldestDueAgeMs, @Parked AS Parked;
GO
