-- Reports of runs (D7, F5), and the sums over all reports (F6).
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Records a run's report; the tenant is in flight no more. @Mode: 'set' replaces the due time, 'at-most' can only make it
-- earlier, and so can 'set' if another run has counted one of the report's queues since. @NextDueInMs null: not due until a wake. If a wake came after the tenant was chosen, the tenant is due now
-- despite the report. With @RedispatchMs, the report chooses the tenant again if a wake came, or a backlog is left: the
-- caller must dispatch it, and it is due again after that time in case its request is lost.
-- Returns one row: Chosen, 1 in this case; Woken, 1 if the tenant is due now because of a wake; LastRunUtc; Now; and for
-- Tenant_SetFailingTopics FailingTopics, and the times OutboxEmptyUtc and InboxEmptyUtc at which a queue was counted as
-- empty, null if it holds messages. Unknown
-- and retired tenants are ignored. So are reports of runs with a @Version before the tenant's present database: then Moved is 1,
-- and the tenant is due now. A skipped run changes nothing of the last report but the states of the queues that it has
-- served, because the lease's holder writes its own. It counts as a wake: the holder may have claimed its last messages before.
-- A report that is sent again, because the answer was lost, changes nothing if the first one was counted: it gets the answer of the
-- row as it is now.
IF OBJECT_ID(N'[$(Schema)].[Tenant_Report]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_Report] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_Report]
  @Id nvarchar(4000),
  @Outcome nvarchar(20),
  @DurationMs float,
  -- {"done":0,"retried":0,"dead":0,"released":0,"parked":0,"lost":0,"recovered":0}; a missing count is 0
  @Counts nvarchar(4000),
  @Backlog bit,
  @ErrorCode nvarchar(4000),
  @Error nvarchar(max),
  @NextDueInMs bigint,
  @Mode nvarchar(10),
  @IdleStreak int,
  @FailureStreak int,
  -- {"ready":3,"due":1,"blocked":1,"dead":0,"parked":[{"topic":"…","count":2}],"parkedCount":2,"atLeast":[],"isEmpty":false,"oldestDueAgeMs":12,"nextDueInMs":0}
  -- each; null: the run did not serve the queue to its end, so what was reported last stays
  @OutboxState nvarchar(max) = NULL,
  @InboxState nvarchar(max) = NULL,
  -- Milliseconds since the run counted the queue. A state that is older than the stored one is ignored.
  @OutboxAgeMs bigint = 0,
  @InboxAgeMs bigint = 0,
  @RedispatchMs bigint = NULL,
  -- What the run adds to the history, for History_Add; null: nothing
  @Flow nvarchar(max) = NULL,
  -- The tenant's Version that the run knew
  @Version bigint = NULL,
  -- The longest time that a message waited from its due time to the start of its handler; null: the run started none, so what
  -- was reported last stays
  @LongestWaitMs bigint = NULL,
  -- The report's own id. It was sent before if it is among the last 16 of the tenant; null: it was not
  @ReportId uniqueidentifier = NULL
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
IF ISJSON(@Counts) = 0 OR ISJSON(@OutboxState) = 0 OR ISJSON(@InboxState) = 0 OR ISJSON(@Flow) = 0
  THROW 51025, N'@Counts, @OutboxState, @InboxState and @Flow must be JSON objects.', 1;
IF EXISTS (SELECT 1 FROM OPENJSON(@Counts) WHERE value IS NOT NULL AND TRY_CAST(value AS bigint) IS NULL)
  THROW 51025, N'The values in @Counts must be whole numbers.', 1;
IF EXISTS (SELECT 1 FROM OPENJSON(@Flow) WHERE TRY_CAST(value AS int) IS NULL)
  THROW 51025, N'The values in @Flow must be whole numbers.', 1;
IF @@TRANCOUNT > 0 THROW 51001, N'A run cannot be reported inside a transaction; commit or roll back first.', 1;
IF @NextDueInMs NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@NextDueInMs must be milliseconds from 0 to 1500000000000, or null.', 1;
IF COALESCE(@OutboxAgeMs, -1) NOT BETWEEN 0 AND 1500000000000 OR COALESCE(@InboxAgeMs, -1) NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@OutboxAgeMs and @InboxAgeMs must be milliseconds from 0 to 1500000000000.', 1;
IF @RedispatchMs NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@RedispatchMs must be milliseconds from 0 to 1500000000000, or null.', 1;
IF @LongestWaitMs NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@LongestWaitMs must be milliseconds from 0 to 1500000000000, or null.', 1;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
DECLARE @OutboxUtc datetime2(3) = DATEADD(millisecond, -CAST(@OutboxAgeMs % 1000 AS int), DATEADD(second, -CAST(@OutboxAgeMs / 1000 AS int), @Now));
DECLARE @InboxUtc datetime2(3) = DATEADD(millisecond, -CAST(@InboxAgeMs % 1000 AS int), DATEADD(second, -CAST(@InboxAgeMs / 1000 AS int), @Now));
-- A time that is further ahead was stored before the clock was set back. It must not keep out newer states.
DECLARE @Latest datetime2(3) = DATEADD(minute, 1, @Now);
DECLARE @Moved bit = 0, @IsCounted bit = 0;
-- Without an id it is in no list.
DECLARE @Key nvarchar(36) = COALESCE(CONVERT(nvarchar(36), @ReportId), N'none');
DECLARE @Held TABLE (WakePending bit NOT NULL, InFlight bit NOT NULL, LastRunUtc datetime2(3) NULL,
  LastOutcome nvarchar(20) COLLATE Latin1_General_100_BIN2 NULL, FailingTopics nvarchar(max) NOT NULL, OutboxState nvarchar(max) NULL,
  OutboxStateUtc datetime2(3) NULL, InboxState nvarchar(max) NULL, InboxStateUtc datetime2(3) NULL,
  -- Null: the report was not sent before
  HasChosen bit NULL);
-- The totals stay within what programs can read.
DECLARE @MostCounted bigint = 9007199254740991;
DECLARE @Done bigint = COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.done') AS bigint), 0);
DECLARE @Retried bigint = COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.retried') AS bigint), 0);
DECLARE @Dead bigint = COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.dead') AS bigint), 0);
DECLARE @Released bigint = COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.released') AS bigint), 0);
DECLARE @Parked bigint = COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.parked') AS bigint), 0);
DECLARE @Lost bigint = COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.lost') AS bigint), 0);
DECLARE @Recovered bigint = COALESCE(TRY_CAST(JSON_VALUE(@Counts, '$.recovered') AS bigint), 0);
DECLARE @Again datetime2(3) = DATEADD(millisecond, CAST(@RedispatchMs % 1000 AS int), DATEADD(second, CAST(@RedispatchMs / 1000 AS int), @Now));
DECLARE @NextDue datetime2(3) = DATEADD(millisecond, CAST(@NextDueInMs % 1000 AS int), DATEADD(second, CAST(@NextDueInMs / 1000 AS int), @Now));
-- Sessions that report at the same time mostly have different parts of the minute.
DECLARE @Minute datetime2(3) = DATEADD(minute, DATEPART(hour, @Now) * 60 + DATEPART(minute, @Now), CAST(CAST(@Now AS date) AS datetime2(3)));
DECLARE @Part smallint = 1 + @@SPID % 8;
IF @Flow IS NOT NULL EXEC [$(Schema)].[FleetHistory_Ensure] @Minute, @Part;
BEGIN TRANSACTION;
IF @Outcome = N'skipped'
  -- If no run is in flight any more, the lease's holder has reported before this run. The tenant may then be chosen, as by a
  -- plan, so that neither a plan nor a wake chooses it too.
  UPDATE [$(Schema)].[Tenants]
  SET PlanVersion = CASE WHEN @Again IS NOT NULL AND Status = N'active' AND InFlight = 0 AND (LastOutcome IS NULL OR LastOutcome NOT IN (N'failed', N'resuming')) THEN PlanVersion % 9007199254740991 + 1 ELSE PlanVersion END,
    LastPlannedUtc = CASE WHEN @Again IS NOT NULL AND Status = N'active' AND InFlight = 0 AND (LastOutcome IS NULL OR LastOutcome NOT IN (N'failed', N'resuming')) THEN @Now ELSE LastPlannedUtc END,
    WakePending = CASE WHEN @Again IS NOT NULL AND Status = N'active' AND InFlight = 0 AND (LastOutcome IS NULL OR LastOutcome NOT IN (N'failed', N'resuming')) THEN 0 ELSE 1 END,
    InFlight = CASE WHEN @Again IS NOT NULL AND Status = N'active' AND InFlight = 0 AND (LastOutcome IS NULL OR LastOutcome NOT IN (N'failed', N'resuming')) THEN 1 ELSE InFlight END,
    LastReports = LEFT(CASE WHEN @ReportId IS NULL THEN N'' WHEN @Again IS NOT NULL AND Status = N'active' AND InFlight = 0 AND (LastOutcome IS NULL OR LastOutcome NOT IN (N'failed', N'resuming')) THEN @Key + N'+' ELSE @Key + N'-' END + LastReports, 592),
    NextDueUtc = CASE
      WHEN @Again IS NOT NULL AND Status = N'active' AND InFlight = 0 AND (LastOutcome IS NULL OR LastOutcome NOT IN (N'failed', N'resuming')) THEN @Again
      WHEN InFlight = 0 THEN CASE WHEN NextDueUtc < @Now THEN NextDueUtc ELSE @Now END
      WHEN NextDueUtc IS NULL OR @NextDue < NextDueUtc THEN @NextDue
      ELSE NextDueUtc END,
:r parts/registry-set-states.sql
ELSE
  UPDATE [$(Schema)].[Tenants]
  SET LastRunUtc = @Now, LastOutcome = @Outcome, LastDurationMs = @DurationMs, LastCounts = @Counts,
    TotalDone = CASE WHEN TotalDone > @MostCounted - @Done THEN @MostCounted ELSE TotalDone + @Done END,
    TotalRetried = CASE WHEN TotalRetried > @MostCounted - @Retried THEN @MostCounted ELSE TotalRetried + @Retried END,
    TotalDead = CASE WHEN TotalDead > @MostCounted - @Dead THEN @MostCounted ELSE TotalDead + @Dead END,
    TotalReleased = CASE WHEN TotalReleased > @MostCounted - @Released THEN @MostCounted ELSE TotalReleased + @Released END,
    TotalParked = CASE WHEN TotalParked > @MostCounted - @Parked THEN @MostCounted ELSE TotalParked + @Parked END,
    TotalLost = CASE WHEN TotalLost > @MostCounted - @Lost THEN @MostCounted ELSE TotalLost + @Lost END,
    TotalRecovered = CASE WHEN TotalRecovered > @MostCounted - @Recovered THEN @MostCounted ELSE TotalRecovered + @Recovered END,
    LongestWaitMs = COALESCE(@LongestWaitMs, LongestWaitMs),
    LongestWaitUtc = CASE WHEN @LongestWaitMs IS NULL THEN LongestWaitUtc ELSE @Now END,
    IdleStreak = @IdleStreak, FailureStreak = @FailureStreak,
    LastError = @Error, LastErrorCode = @ErrorCode, LastErrorUtc = CASE WHEN @ErrorCode IS NULL THEN NULL ELSE @Now END,
    Backlog = @Backlog,
    PlanVersion = CASE WHEN @Again IS NOT NULL AND Status = N'active' AND (WakePending = 1 OR @Backlog = 1) THEN PlanVersion % 9007199254740991 + 1 ELSE PlanVersion END,
    LastPlannedUtc = CASE WHEN @Again IS NOT NULL AND Status = N'active' AND (WakePending = 1 OR @Backlog = 1) THEN @Now ELSE LastPlannedUtc END,
    WakePending = CASE WHEN @Again IS NOT NULL AND Status = N'active' AND (WakePending = 1 OR @Backlog = 1) THEN 0 ELSE WakePending END,
    InFlight = CASE WHEN @Again IS NOT NULL AND Status = N'active' AND (WakePending = 1 OR @Backlog = 1) THEN 1 ELSE 0 END,
    LastReports = LEFT(CASE WHEN @ReportId IS NULL THEN N'' WHEN @Again IS NOT NULL AND Status = N'active' AND (WakePending = 1 OR @Backlog = 1) THEN @Key + N'+' ELSE @Key + N'-' END + LastReports, 592),
    NextDueUtc = CASE
      WHEN @Again IS NOT NULL AND Status = N'active' AND (WakePending = 1 OR @Backlog = 1) THEN @Again
      WHEN WakePending = 1 THEN CASE WHEN NextDueUtc < @Now THEN NextDueUtc ELSE @Now END
      -- A run that has counted a queue since knows of due times that this one does not.
      WHEN @Mode = N'set' AND (@OutboxState IS NULL OR OutboxStateUtc IS NULL OR OutboxStateUtc <= @OutboxUtc OR OutboxStateUtc > @Latest)
        AND (@InboxState IS NULL OR InboxStateUtc IS NULL OR InboxStateUtc <= @InboxUtc OR InboxStateUtc > @Latest) THEN @NextDue
      WHEN NextDueUtc IS NULL OR @NextDue < NextDueUtc THEN @NextDue
      ELSE NextDueUtc END,
:r parts/registry-set-states.sql
IF EXISTS (SELECT 1 FROM @Held) SET @IsCounted = 1;
ELSE IF @ReportId IS NOT NULL
  INSERT @Held (WakePending, InFlight, LastRunUtc, LastOutcome, FailingTopics, OutboxState, OutboxStateUtc, InboxState, InboxStateUtc, HasChosen)
  SELECT WakePending, InFlight, LastRunUtc, LastOutcome, FailingTopics, OutboxState, OutboxStateUtc, InboxState, InboxStateUtc,
    CASE WHEN CHARINDEX(@Key + N'+', LastReports) > 0 THEN InFlight ELSE 0 END
  FROM [$(Schema)].[Tenants]
  WHERE Id = @Id AND DATALENGTH(Id) = DATALENGTH(@Id) AND Status <> N'retired' AND CHARINDEX(@Key, LastReports) > 0;
IF @Version IS NOT NULL AND NOT EXISTS (SELECT 1 FROM @Held)
BEGIN
  UPDATE [$(Schema)].[Tenants]
  SET InFlight = 0, NextDueUtc = CASE WHEN NextDueUtc < @Now THEN NextDueUtc ELSE @Now END
  WHERE Id = @Id AND DATALENGTH(Id) = DATALENGTH(@Id) AND Status <> N'retired' AND DatabaseVersion > @Version;
  SET @Moved = @@ROWCOUNT;
END;
IF @Flow IS NOT NULL AND @IsCounted = 1 EXEC [$(Schema)].[History_Add] @Id, @Minute, @Part, @Flow;
COMMIT;
SELECT CAST(COALESCE(MAX(CASE WHEN HasChosen = 0 THEN 0 WHEN HasChosen = 1 THEN 1 WHEN InFlight = 1 AND (@Outcome <> N'skipped' OR WakePending = 0) THEN 1 ELSE 0 END), 0) AS bit) AS Chosen,
  CAST(COALESCE(MAX(CASE
    WHEN WakePending = 0 THEN 0
    WHEN @Outcome = N'skipped' AND (InFlight = 1 OR LastOutcome IN (N'failed', N'resuming')) THEN 0
    ELSE 1 END), 0) AS bit) AS Woken,
  MAX(LastRunUtc) AS LastRunUtc, MAX(FailingTopics) AS FailingTopics,
  MAX(CASE WHEN JSON_VALUE(OutboxState, '$.isEmpty') = N'true' THEN OutboxStateUtc END) AS OutboxEmptyUtc,
  MAX(CASE WHEN JSON_VALUE(InboxState, '$.isEmpty') = N'true' THEN InboxStateUtc END) AS InboxEmptyUtc, @Now AS Now, @Moved AS Moved
FROM @Held;
GO
-- Replaces the tenant's topics that fail now, a JSON array, if they are still @Before: the caller has merged what its run
-- found. Returns one row: FailingTopics, null if they were replaced, otherwise what they are now.
IF OBJECT_ID(N'[$(Schema)].[Tenant_SetFailingTopics]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_SetFailingTopics] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_SetFailingTopics]
  @Id nvarchar(4000),
  @Before nvarchar(max),
  @After nvarchar(max)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF DATALENGTH(SUBSTRING(@Id COLLATE Latin1_General_100_BIN2, 65, 1)) > 0
  THROW 51026, N'A value is too long; the limit, in characters, is: @Id 64.', 1;
IF @After IS NULL OR ISJSON(@After) = 0 THROW 51025, N'@After must be a JSON array.', 1;
UPDATE [$(Schema)].[Tenants] SET FailingTopics = @After
WHERE Id = @Id AND DATALENGTH(Id) = DATALENGTH(@Id) AND Status <> N'retired' AND FailingTopics = @Before COLLATE Latin1_General_100_BIN2;
IF @@ROWCOUNT = 1 SELECT CAST(NULL AS nvarchar(max)) AS FailingTopics;
ELSE SELECT FailingTopics FROM [$(Schema)].[Tenants] WHERE Id = @Id AND DATALENGTH(Id) = DATALENGTH(@Id) AND Status <> N'retired';
GO
-- A tenant's run is alive: no plan chooses the tenant within @HoldMs from now. If a wake came since the tenant was chosen, it
-- is due now: another run can serve the queues that this one has finished.
-- Unknown and retired tenants are ignored, and runs with a @Version before the tenant's present database.
IF OBJECT_ID(N'[$(Schema)].[Tenant_Postpone]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_Postpone] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_Postpone]
  @Id nvarchar(4000),
  @HoldMs bigint,
  @Version bigint = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF DATALENGTH(SUBSTRING(@Id COLLATE Latin1_General_100_BIN2, 65, 1)) > 0 THROW 51026, N'@Id is too long; it may have 64 characters at most.', 1;
IF COALESCE(@HoldMs, -1) NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@HoldMs must be milliseconds from 0 to 1500000000000.', 1;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
UPDATE [$(Schema)].[Tenants]
SET InFlight = 1, NextDueUtc = CASE
    WHEN WakePending = 1 THEN CASE WHEN NextDueUtc < @Now THEN NextDueUtc ELSE @Now END
    ELSE DATEADD(millisecond, CAST(@HoldMs % 1000 AS int), DATEADD(second, CAST(@HoldMs / 1000 AS int), @Now)) END
WHERE Id = @Id AND DATALENGTH(Id) = DATALENGTH(@Id) AND Status <> N'retired' AND (@Version IS NULL OR DatabaseVersion <= @Version);
GO
-- Counts a message of the function app's queues that was given up (F6). @MessageId: it was counted before if it is among the last
-- 16; null: it was not.
IF OBJECT_ID(N'[$(Schema)].[Poisoned_Record]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Poisoned_Record] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Poisoned_Record]
  @MessageId uniqueidentifier = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
-- Without an id it is in no list.
DECLARE @Key nvarchar(36) = COALESCE(CONVERT(nvarchar(36), @MessageId), N'none');
UPDATE [$(Schema)].[RegistryState]
SET Poisoned = CASE WHEN Poisoned < 9007199254740991 THEN Poisoned + 1 ELSE 9007199254740991 END, LastPoisonedUtc = SYSUTCDATETIME(),
  LastPoisoned = LEFT(CASE WHEN @MessageId IS NULL THEN N'' ELSE @Key END + LastPoisoned, 576)
WHERE Id = 1 AND CHARINDEX(@Key, LastPoisoned) = 0;
GO
-- Returns one row: the fleet's state by the last reports. Sums of what reports have counted are floats, which do not overflow.
IF OBJECT_ID(N'[$(Schema)].[Fleet_Summary]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Fleet_Summary] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Fleet_Summary]
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
DECLARE @LongestWaitMs bigint, @LongestWaitUtc datetime2(3);
DECLARE @LastPlan datetime2(3), @LatestPlan datetime2(3), @LastPlanDue int, @LastPlanChosen int;
DECLARE @RangePlan datetime2(3), @RangesDue bigint, @RangesChosen bigint;
-- With several planners, this tells of the range that was planned the longest ago, and of all ranges' tenants. If the last
-- plan was of all tenants, the ranges' plans are earlier. They are read last, because plans go on meanwhile.
SELECT @LastPlan = LastPlanUtc, @LastPlanDue = LastPlanDue, @LastPlanChosen = LastPlanChosen
FROM [$(Schema)].[RegistryState] WHERE Id = 1;
SELECT @LatestPlan = MAX(LastPlanUtc), @RangePlan = MIN(LastPlanUtc), @RangesDue = SUM(CAST(LastPlanDue AS bigint)),
  @RangesChosen = SUM(CAST(LastPlanChosen AS bigint))
FROM [$(Schema)].[PlanRanges];
IF @LatestPlan >= @LastPlan
  SELECT @LastPlan = @RangePlan, @LastPlanDue = @RangesDue, @LastPlanChosen = @RangesChosen;
SELECT TOP (1) @LongestWaitMs = LongestWaitMs, @LongestWaitUtc = LongestWaitUtc FROM [$(Schema)].[Tenants]
WHERE Status <> N'retired' AND LongestWaitMs IS NOT NULL AND LongestWaitUtc > DATEADD(hour, -24, @Now)
ORDER BY LongestWaitMs DESC, LongestWaitUtc DESC;
SELECT f.*, @LastPlan AS LastPlanUtc, DATEDIFF_BIG(millisecond, @LastPlan, @Now) AS LastPlanAgeMs, @LastPlanDue AS LastPlanDue,
  @LastPlanChosen AS LastPlanChosen,
  s.Poisoned, s.LastPoisonedUtc, @LongestWaitMs AS LongestWaitMs, DATEDIFF_BIG(millisecond, @LongestWaitUtc, @Now) AS LongestWaitAgeMs
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
      COALESCE(SUM(CASE WHEN Status = N'active' AND FailingTopics <> N'[]' THEN 1 ELSE 0 END), 0) AS FailingTopics,
      COALESCE(SUM(CASE WHEN Status <> N'retired' AND StoredDead > 0 THEN 1 ELSE 0 END), 0) AS WithDead,
      COALESCE(SUM(CASE WHEN Status <> N'retired' THEN StoredReady ELSE 0 END), 0) AS Ready,
      COALESCE(SUM(CASE WHEN Status <> N'retired' THEN StoredDue ELSE 0 END), 0) AS DueMessages,
      COALESCE(SUM(CASE WHEN Status <> N'retired' THEN StoredBlocked ELSE 0 END), 0) AS Blocked,
      COALESCE(SUM(CASE WHEN Status <> N'retired' THEN StoredDead ELSE 0 END), 0) AS Dead,
      COALESCE(SUM(CASE WHEN Status <> N'retired' THEN StoredParked ELSE 0 END), 0) AS Parked,
      COALESCE(MAX(CASE WHEN Status <> N'retired' AND AtLeast LIKE N'%"ready"%' THEN 1 ELSE 0 END), 0) AS ReadyAtLeast,
      COALESCE(MAX(CASE WHEN Status <> N'retired' AND AtLeast LIKE N'%"due"%' THEN 1 ELSE 0 END), 0) AS DueAtLeast,
      COALESCE(MAX(CASE WHEN Status <> N'retired' AND AtLeast LIKE N'%"blocked"%' THEN 1 ELSE 0 END), 0) AS BlockedAtLeast,
      COALESCE(MAX(CASE WHEN Status <> N'retired' AND AtLeast LIKE N'%"dead"%' THEN 1 ELSE 0 END), 0) AS DeadAtLeast,
      COALESCE(MAX(CASE WHEN Status <> N'retired' AND AtLeast LIKE N'%"parked"%' THEN 1 ELSE 0 END), 0) AS ParkedAtLeast,
      MAX(CASE WHEN Status <> N'retired' THEN TRY_CAST(JSON_VALUE(OutboxState, '$.oldestDueAgeMs') AS float) + DATEDIFF_BIG(millisecond, OutboxStateUtc, @Now) END) AS OutboxDueAgeMs,
      MAX(CASE WHEN Status <> N'retired' AND OutboxState IS NOT NULL THEN DATEDIFF_BIG(millisecond, OutboxStateUtc, @Now) END) AS OutboxCountAgeMs,
      MAX(CASE WHEN Status <> N'retired' THEN TRY_CAST(JSON_VALUE(InboxState, '$.oldestDueAgeMs') AS float) + DATEDIFF_BIG(millisecond, InboxStateUtc, @Now) END) AS InboxDueAgeMs,
      MAX(CASE WHEN Status <> N'retired' AND InboxState IS NOT NULL THEN DATEDIFF_BIG(millisecond, InboxStateUtc, @Now) END) AS InboxCountAgeMs,
      COALESCE(SUM(CAST(TotalDone AS float)), 0) AS TotalDone, COALESCE(SUM(CAST(TotalRetried AS float)), 0) AS TotalRetried,
      COALESCE(SUM(CAST(TotalDead AS float)), 0) AS TotalDead, COALESCE(SUM(CAST(TotalReleased AS float)), 0) AS TotalReleased,
      COALESCE(SUM(CAST(TotalParked AS float)), 0) AS TotalParked, COALESCE(SUM(CAST(TotalLost AS float)), 0) AS TotalLost,
      COALESCE(SUM(CAST(TotalRecovered AS float)), 0) AS TotalRecovered
    FROM (
      SELECT *,
        COALESCE(TRY_CAST(JSON_VALUE(OutboxState, '$.ready') AS float), 0) + COALESCE(TRY_CAST(JSON_VALUE(InboxState, '$.ready') AS float), 0) AS StoredReady,
        COALESCE(TRY_CAST(JSON_VALUE(OutboxState, '$.due') AS float), 0) + COALESCE(TRY_CAST(JSON_VALUE(InboxState, '$.due') AS float), 0) AS StoredDue,
        COALESCE(TRY_CAST(JSON_VALUE(OutboxState, '$.blocked') AS float), 0) + COALESCE(TRY_CAST(JSON_VALUE(InboxState, '$.blocked') AS float), 0) AS StoredBlocked,
        COALESCE(TRY_CAST(JSON_VALUE(OutboxState, '$.dead') AS float), 0) + COALESCE(TRY_CAST(JSON_VALUE(InboxState, '$.dead') AS float), 0) AS StoredDead,
        COALESCE(TRY_CAST(JSON_VALUE(OutboxState, '$.parkedCount') AS float), 0) + COALESCE(TRY_CAST(JSON_VALUE(InboxState, '$.parkedCount') AS float), 0) AS StoredParked,
        COALESCE(JSON_QUERY(OutboxState, '$.atLeast'), N'') + COALESCE(JSON_QUERY(InboxState, '$.atLeast'), N'') AS AtLeast
      FROM [$(Schema)].[Tenants]
    ) t
  ) f CROSS JOIN [$(Schema)].[RegistryState] s WHERE s.Id = 1;
GO
