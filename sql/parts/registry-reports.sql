-- Reports of runs (D7, F5), wakes (F7), and the sums over all reports (F6).
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Records a run's report. @Mode: 'set' replaces the due time, 'at-most' can only make it earlier.
-- @NextDueInMs null: not due until a wake. If a wake came after the plan, the tenant stays due now despite
-- the report. Unknown and retired tenants are ignored. A skipped run does not change the last report, because
-- the lease's holder writes its own.
IF OBJECT_ID(N'[$(Schema)].[Tenant_Report]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_Report] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_Report]
  @Id nvarchar(4000),
  @Outcome nvarchar(20),
  @DurationMs float,
  -- {"done":0,"retried":0,"dead":0,"released":0,"parked":0,"lost":0,"recovered":0}; a missing count is 0
  @Counts nvarchar(4000),
  @Backlog bit,
  @ParkedTopics nvarchar(max),
  @ErrorCode nvarchar(4000),
  @Error nvarchar(max),
  @NextDueInMs bigint,
  @Mode nvarchar(10),
  @IdleStreak int,
  @FailureStreak int
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @Outcome IS NULL OR @Outcome NOT IN (N'dispatched', N'idle', N'skipped', N'resuming', N'failed')
  OR DATALENGTH(RTRIM(@Outcome)) <> DATALENGTH(@Outcome)
  OR @Mode IS NULL OR @Mode NOT IN (N'set', N'at-most')
  THROW 51005, N'@Outcome must be dispatched, idle, skipped, resuming or failed; @Mode must be set or at-most.', 1;
IF DATALENGTH(SUBSTRING(@Id COLLATE Latin1_General_100_BIN2, 65, 1)) > 0
  OR DATALENGTH(SUBSTRING(@Counts COLLATE Latin1_General_100_BIN2, 1001, 1)) > 0
  OR DATALENGTH(SUBSTRING(@ErrorCode COLLATE Latin1_General_100_BIN2, 101, 1)) > 0
  THROW 51026, N'A value is too long; the limits, in characters, are: @Id 64, @Counts 1,000, @ErrorCode 100.', 1;
IF ISJSON(@Counts) = 0 OR ISJSON(@ParkedTopics) = 0 THROW 51025, N'@Counts must be a JSON object, and @ParkedTopics a JSON array.', 1;
IF EXISTS (SELECT 1 FROM OPENJSON(@Counts) WHERE value IS NOT NULL AND TRY_CAST(value AS bigint) IS NULL)
  THROW 51025, N'The values in @Counts must be whole numbers.', 1;
IF @NextDueInMs NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@NextDueInMs must be milliseconds from 0 to 1500000000000, or null.', 1;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
DECLARE @NextDue datetime2(3) = DATEADD(millisecond, CAST(@NextDueInMs % 1000 AS int), DATEADD(second, CAST(@NextDueInMs / 1000 AS int), @Now));
IF @Outcome = N'skipped'
BEGIN
  UPDATE [$(Schema)].[Tenants]
  SET NextDueUtc = CASE
    WHEN WakePending = 1 THEN CASE WHEN NextDueUtc < @Now THEN NextDueUtc ELSE @Now END
    WHEN @Mode = N'set' THEN @NextDue
    WHEN NextDueUtc IS NULL OR @NextDue < NextDueUtc THEN @NextDue
    ELSE NextDueUtc END
  WHERE Id = @Id AND DATALENGTH(Id) = DATALENGTH(@Id) AND Status <> N'retired';
  RETURN;
END
UPDATE [$(Schema)].[Tenants]
SET LastRunUtc = @Now, LastOutcome = @Outcome, LastDurationMs = @DurationMs, LastCounts = @Counts,
  TotalDone = TotalDone + COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.done') AS bigint), 0),
  TotalRetried = TotalRetried + COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.retried') AS bigint), 0),
  TotalDead = TotalDead + COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.dead') AS bigint), 0),
  TotalReleased = TotalReleased + COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.released') AS bigint), 0),
  TotalParked = TotalParked + COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.parked') AS bigint), 0),
  TotalLost = TotalLost + COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.lost') AS bigint), 0),
  TotalRecovered = TotalRecovered + COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.recovered') AS bigint), 0),
  IdleStreak = @IdleStreak, FailureStreak = @FailureStreak,
  LastError = @Error, LastErrorCode = @ErrorCode, LastErrorUtc = CASE WHEN @ErrorCode IS NULL THEN NULL ELSE @Now END,
  Backlog = @Backlog, ParkedTopics = @ParkedTopics,
  NextDueUtc = CASE
    WHEN WakePending = 1 THEN CASE WHEN NextDueUtc < @Now THEN NextDueUtc ELSE @Now END
    WHEN @Mode = N'set' THEN @NextDue
    WHEN NextDueUtc IS NULL OR @NextDue < NextDueUtc THEN @NextDue
    ELSE NextDueUtc END
WHERE Id = @Id AND DATALENGTH(Id) = DATALENGTH(@Id) AND Status <> N'retired';
GO
-- Makes the active tenants among @Ids, a JSON array of tenant ids, due now. Returns one row for each of them.
IF OBJECT_ID(N'[$(Schema)].[Tenant_Wake]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_Wake] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_Wake]
  @Ids nvarchar(max)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @Ids IS NULL OR ISJSON(@Ids) = 0 THROW 51025, N'@Ids must be a JSON array of tenant ids.', 1;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
DECLARE @Asked TABLE (Id nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY);
DECLARE @Woken TABLE (TenantId nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL);
-- Texts that no tenant has as its id are left out: longer ones, and those with a blank at their end.
INSERT @Asked (Id)
SELECT DISTINCT LEFT(value, 64) COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@Ids)
WHERE DATALENGTH(value) > 0 AND SUBSTRING(value, 65, 1) = N'' AND DATALENGTH(RTRIM(value)) = DATALENGTH(value);
-- A tenant that is due, and was woken since it was last planned, needs no write: its next run starts after this.
INSERT @Woken (TenantId)
SELECT t.Id FROM @Asked a JOIN [$(Schema)].[Tenants] t ON t.Id = a.Id
WHERE t.Status = N'active' AND t.WakePending = 1 AND t.NextDueUtc <= @Now;
DELETE FROM @Asked WHERE Id IN (SELECT w.TenantId FROM @Woken w);
IF EXISTS (SELECT 1 FROM @Asked)
  UPDATE [$(Schema)].[Tenants]
  SET WakePending = 1, NextDueUtc = CASE WHEN NextDueUtc < @Now THEN NextDueUtc ELSE @Now END
  OUTPUT inserted.Id INTO @Woken (TenantId)
  WHERE Status = N'active' AND Id IN (SELECT a.Id FROM @Asked a);
SELECT TenantId FROM @Woken;
GO
-- Counts a message of the function app's queues that was given up (F6).
IF OBJECT_ID(N'[$(Schema)].[Poisoned_Record]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Poisoned_Record] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Poisoned_Record]
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
UPDATE [$(Schema)].[RegistryState] SET Poisoned = Poisoned + 1, LastPoisonedUtc = SYSUTCDATETIME() WHERE Id = 1;
GO
-- Returns one row: the fleet's state by the last reports.
IF OBJECT_ID(N'[$(Schema)].[Fleet_Summary]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Fleet_Summary] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Fleet_Summary]
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
SELECT f.*, s.LastPlanUtc, DATEDIFF_BIG(millisecond, s.LastPlanUtc, @Now) AS LastPlanAgeMs, s.LastPlanDue, s.LastPlanChosen,
  s.Poisoned, s.LastPoisonedUtc
FROM (
    SELECT COALESCE(SUM(CASE WHEN Status = N'active' THEN 1 ELSE 0 END), 0) AS Active,
      COALESCE(SUM(CASE WHEN Status = N'paused' THEN 1 ELSE 0 END), 0) AS Paused,
      COALESCE(SUM(CASE WHEN Status = N'retired' THEN 1 ELSE 0 END), 0) AS Retired,
      COALESCE(SUM(CASE WHEN Status = N'active' AND NextDueUtc <= @Now THEN 1 ELSE 0 END), 0) AS Due,
      COALESCE(SUM(CASE WHEN Status = N'active' AND Backlog = 1 THEN 1 ELSE 0 END), 0) AS Backlog,
      COALESCE(SUM(CASE WHEN Status = N'active' AND FailureStreak = 1 THEN 1 ELSE 0 END), 0) AS FailingOnce,
      COALESCE(SUM(CASE WHEN Status = N'active' AND FailureStreak BETWEEN 2 AND 4 THEN 1 ELSE 0 END), 0) AS FailingTwice,
      COALESCE(SUM(CASE WHEN Status = N'active' AND FailureStreak BETWEEN 5 AND 9 THEN 1 ELSE 0 END), 0) AS FailingFive,
      COALESCE(SUM(CASE WHEN Status = N'active' AND FailureStreak >= 10 THEN 1 ELSE 0 END), 0) AS FailingTen,
      COALESCE(MAX(CASE WHEN Status = N'active' THEN FailureStreak ELSE 0 END), 0) AS LongestStreak,
      DATEDIFF_BIG(millisecond, MIN(CASE WHEN Status = N'active' AND NextDueUtc <= @Now THEN NextDueUtc ELSE NULL END), @Now) AS OldestDueMs,
      COALESCE(SUM(TotalDone), 0) AS TotalDone, COALESCE(SUM(TotalRetried), 0) AS TotalRetried,
      COALESCE(SUM(TotalDead), 0) AS TotalDead, COALESCE(SUM(TotalReleased), 0) AS TotalReleased,
      COALESCE(SUM(TotalParked), 0) AS TotalParked, COALESCE(SUM(TotalLost), 0) AS TotalLost,
      COALESCE(SUM(TotalRecovered), 0) AS TotalRecovered
    FROM [$(Schema)].[Tenants]
  ) f CROSS JOIN [$(Schema)].[RegistryState] s WHERE s.Id = 1;
GO
