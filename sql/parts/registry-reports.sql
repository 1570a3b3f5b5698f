-- What runs leave in the registry (D7, F5), wakes (F7), and the sums over all of it (F6).
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Records a run's report. @Mode: 'set' replaces the due time, 'at-most' only brings it forward; @NextDueInMs null: not
-- until a wake. A wake that came after the plan outlives the report: the tenant stays due now. An unknown or retired
-- tenant is no error. A run that was skipped leaves the last report as it is: the lease's holder reports for itself.
IF OBJECT_ID(N'[$(Schema)].[Tenant_Report]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_Report] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_Report]
  @Id nvarchar(64),
  @Outcome nvarchar(20),
  @DurationMs float,
  -- {"done":0,"retried":0,"dead":0,"released":0,"parked":0,"lost":0,"recovered":0}
  @Counts nvarchar(1000),
  @Backlog bit,
  @ParkedTopics nvarchar(max),
  @ErrorCode nvarchar(100),
  @Error nvarchar(max),
  @NextDueInMs bigint,
  @Mode nvarchar(10),
  @IdleStreak int,
  @FailureStreak int
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
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
  WHERE Id = @Id AND Status <> N'retired';
  RETURN;
END
UPDATE [$(Schema)].[Tenants]
SET LastRunUtc = @Now, LastOutcome = @Outcome, LastDurationMs = @DurationMs, LastCounts = @Counts,
  TotalDone = TotalDone + CAST(JSON_VALUE(@Counts, '$.done') AS bigint),
  TotalRetried = TotalRetried + CAST(JSON_VALUE(@Counts, '$.retried') AS bigint),
  TotalDead = TotalDead + CAST(JSON_VALUE(@Counts, '$.dead') AS bigint),
  TotalReleased = TotalReleased + CAST(JSON_VALUE(@Counts, '$.released') AS bigint),
  TotalParked = TotalParked + CAST(JSON_VALUE(@Counts, '$.parked') AS bigint),
  TotalLost = TotalLost + CAST(JSON_VALUE(@Counts, '$.lost') AS bigint),
  TotalRecovered = TotalRecovered + CAST(JSON_VALUE(@Counts, '$.recovered') AS bigint),
  IdleStreak = @IdleStreak, FailureStreak = @FailureStreak,
  LastError = COALESCE(@Error, LastError), LastErrorCode = COALESCE(@ErrorCode, LastErrorCode),
  LastErrorUtc = CASE WHEN @ErrorCode IS NULL THEN LastErrorUtc ELSE @Now END,
  Backlog = @Backlog, ParkedTopics = @ParkedTopics,
  NextDueUtc = CASE
    WHEN WakePending = 1 THEN CASE WHEN NextDueUtc < @Now THEN NextDueUtc ELSE @Now END
    WHEN @Mode = N'set' THEN @NextDue
    WHEN NextDueUtc IS NULL OR @NextDue < NextDueUtc THEN @NextDue
    ELSE NextDueUtc END
WHERE Id = @Id AND Status <> N'retired';
GO
-- Makes active tenants, named by a JSON array, due now. A row for each that was.
IF OBJECT_ID(N'[$(Schema)].[Tenant_Wake]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_Wake] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_Wake]
  @Ids nvarchar(max)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
DECLARE @Woken TABLE (TenantId nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL);
UPDATE [$(Schema)].[Tenants]
SET WakePending = 1, NextDueUtc = CASE WHEN NextDueUtc < @Now THEN NextDueUtc ELSE @Now END
OUTPUT inserted.Id INTO @Woken (TenantId)
WHERE Status = N'active' AND Id IN (SELECT CAST(value AS nvarchar(64)) COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@Ids));
SELECT TenantId FROM @Woken;
GO
-- One row: the fleet as the last reports have it.
IF OBJECT_ID(N'[$(Schema)].[Fleet_Summary]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Fleet_Summary] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Fleet_Summary]
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
SELECT f.*, s.LastPlanUtc, s.LastPlanDue, s.LastPlanChosen
FROM (
    SELECT COALESCE(SUM(CASE WHEN Status = N'active' THEN 1 ELSE 0 END), 0) AS Active,
      COALESCE(SUM(CASE WHEN Status = N'paused' THEN 1 ELSE 0 END), 0) AS Paused,
      COALESCE(SUM(CASE WHEN Status = N'retired' THEN 1 ELSE 0 END), 0) AS Retired,
      COALESCE(SUM(CASE WHEN Status = N'active' AND NextDueUtc <= @Now THEN 1 ELSE 0 END), 0) AS Due,
      COALESCE(SUM(CASE WHEN Status = N'active' AND Backlog = 1 THEN 1 ELSE 0 END), 0) AS Backlog,
      COALESCE(SUM(CASE WHEN Status = N'active' AND FailureStreak > 0 THEN 1 ELSE 0 END), 0) AS Failing,
      COALESCE(SUM(TotalDone), 0) AS TotalDone, COALESCE(SUM(TotalRetried), 0) AS TotalRetried,
      COALESCE(SUM(TotalDead), 0) AS TotalDead, COALESCE(SUM(TotalReleased), 0) AS TotalReleased,
      COALESCE(SUM(TotalParked), 0) AS TotalParked, COALESCE(SUM(TotalLost), 0) AS TotalLost,
      COALESCE(SUM(TotalRecovered), 0) AS TotalRecovered
    FROM [$(Schema)].[Tenants]
  ) f CROSS JOIN [$(Schema)].[RegistryState] s WHERE s.Id = 1;
GO
