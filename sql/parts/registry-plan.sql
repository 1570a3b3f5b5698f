-- The plan (F3): reads due tenants under the plan lease, and commits the choice. It reads only the index of
-- due tenants, however many tenants are registered.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Takes the plan lease and reads due tenants. First row: Lease is 'leased-elsewhere' (Owner is planning),
-- 'released' (no tenant is due) or 'acquired' (under Fence), with the facts about the previous plan. Then the
-- @Limit tenants that have been due longest and, if more are due, as many again by @OrderBy: 'longest-due',
-- 'backlog', 'priority', 'deadline' or 'weight' (the time since the tenant was planned, times its weight). With
-- @LookWithinMs, due times that are later than this from now are brought forward to it. With @Ranges, the plan has the
-- lease of one @Range, from 1, and reads only its tenants (sql/parts/registry-in-range.sql).
IF OBJECT_ID(N'[$(Schema)].[Plan_Begin]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Plan_Begin] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Plan_Begin]
  @Owner nvarchar(4000),
  @LeaseMs bigint,
  @Limit int,
  @OrderBy nvarchar(40) = N'longest-due',
  @LookWithinMs bigint = NULL,
  @Range int = 1,
  @Ranges int = 1
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A plan cannot begin or be committed inside a transaction; commit or roll back first.', 1;
:r parts/lease-limits.sql
IF COALESCE(@Limit, -1) < 0 THROW 51027, N'@Limit must be 0 or more.', 1;
IF @OrderBy IS NULL OR @OrderBy NOT IN (N'longest-due', N'backlog', N'priority', N'deadline', N'weight')
  THROW 51005, N'@OrderBy must be longest-due, backlog, priority, deadline or weight.', 1;
IF @LookWithinMs NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@LookWithinMs must be milliseconds from 0 to 1500000000000, or null.', 1;
IF COALESCE(@Ranges, 0) NOT BETWEEN 1 AND 64 OR COALESCE(@Range, 0) NOT BETWEEN 1 AND @Ranges
  THROW 51027, N'@Ranges must be from 1 to 64, and @Range from 1 to @Ranges.', 1;
DECLARE @LeaseName nvarchar(200) = CASE WHEN @Ranges = 1 THEN N'plan' ELSE CONCAT(N'plan:', @Range, N'/', @Ranges) END;
DECLARE @LeaseHash binary(32) = HASHBYTES('SHA2_256', @LeaseName), @Now datetime2(3) = SYSUTCDATETIME(), @IsOurs bit, @Fence bigint;
DECLARE @AcquisitionId uniqueidentifier;
DECLARE @Holder nvarchar(200), @RenewedUtc datetime2(3), @ExpiresUtc datetime2(3), @AheadMs bigint;
DECLARE @NextDue datetime2(3), @LastDue datetime2(3), @LatestDue datetime2(3), @Due int = 0, @LastPlan datetime2(3), @Open bit;
DECLARE @PreviousPlan datetime2(3), @Known int, @LatestPlan datetime2(3);
DECLARE @DrawInAfter nvarchar(64);
DECLARE @Read TABLE (Id nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY, Besides bit NOT NULL);
-- Tenants whose due times this plan makes earlier. It finds them before it locks them, and locks each by its key, as
-- reports do: a report that holds a tenant's row then waits for nothing that the plan has.
DECLARE @Late TABLE (Id nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY);
DECLARE @First TABLE (Id nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL);
SELECT @IsOurs = CASE WHEN Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) THEN 1 ELSE 0 END,
  @Holder = Owner, @RenewedUtc = RenewedUtc, @ExpiresUtc = ExpiresUtc
FROM [$(Schema)].[Leases] WITH (READUNCOMMITTED) WHERE NameHash = @LeaseHash AND ExpiresUtc > @Now;
IF @IsOurs = 0 AND @RenewedUtc <= DATEADD(second, 1, @Now) AND @ExpiresUtc <= DATEADD(second, 86401, @Now)
BEGIN
  SELECT N'leased-elsewhere' AS Lease, @Holder AS Owner, DATEDIFF_BIG(millisecond, CAST(SYSUTCDATETIME() AS datetime2(3)), @ExpiresUtc) AS ExpiresInMs;
  RETURN;
END;
:r parts/registry-next-due.sql
IF @IsOurs IS NOT NULL OR @NextDue <= @Now
BEGIN
  EXEC [$(Schema)].[Lease_Ensure] @LeaseName;
  BEGIN TRANSACTION;
  EXEC [$(Schema)].[Lease_Take] @LeaseName, @Owner, @LeaseMs, NULL, NULL, @Fence OUTPUT, @AcquisitionId OUTPUT, @Holder OUTPUT,
    @ExpiresUtc OUTPUT;
  IF @Fence IS NULL
  BEGIN
    COMMIT;
    SELECT N'leased-elsewhere' AS Lease, @Holder AS Owner, DATEDIFF_BIG(millisecond, CAST(SYSUTCDATETIME() AS datetime2(3)), @ExpiresUtc) AS ExpiresInMs;
    RETURN;
  END;
END;
ELSE
  -- An idle plan records only its time, so that a missing tick shows.
  BEGIN TRANSACTION;
UPDATE [$(Schema)].[RegistryState] WITH (XLOCK, ROWLOCK) SET PlanOpen = PlanOpen WHERE Id = 1;
SELECT @LastPlan = LastPlanUtc, @Open = PlanOpen, @DrawInAfter = DrawInAfter,
  @AheadMs = CASE WHEN DrawInMs < 0 THEN 0 WHEN DrawInMs > 315537897600000 THEN 315537897600000 ELSE DrawInMs END
FROM [$(Schema)].[RegistryState] WHERE Id = 1;
SET @Now = SYSUTCDATETIME();
-- If the last plan was later than now, the clock was set back since (Q16). All later times of the schedule are then
-- made earlier by as much, so that no tenant waits longer than planned. If a time was set before the clock was wrong, or
-- after it was set back, its tenant is due too early, once, and its run plans the next time anew. Less than a second is
-- how a server keeps its time.
IF @LastPlan > DATEADD(second, 1, @Now)
  -- If an earlier change is not finished, its rest is made up for, too.
  SELECT @AheadMs = COALESCE(@AheadMs, 0) + DATEDIFF_BIG(millisecond, @Now, @LastPlan), @DrawInAfter = N'';
-- All the time that there is: no due time can be later.
IF @AheadMs > 315537897600000 SET @AheadMs = 315537897600000;
IF @AheadMs IS NOT NULL
BEGIN
  SET @DrawInAfter = COALESCE(@DrawInAfter, N'');
  -- In the order of their ids, each tenant once; more than 4,000 are left to the next plans. Rows that a report has locked
  -- are waited for: a later plan would not come back to them.
  INSERT @Late (Id)
  SELECT TOP (4000) Id FROM [$(Schema)].[Tenants] WITH (READCOMMITTEDLOCK)
  WHERE Id > @DrawInAfter AND (NextDueUtc > @Now OR LastPlannedUtc > @Now OR LastRunUtc > @Now) ORDER BY Id;
  SET @DrawInAfter = CASE WHEN @@ROWCOUNT = 4000 THEN (SELECT MAX(Id) FROM @Late) END;
  -- Seconds would overflow after 68 years, days do not.
  UPDATE t
  SET NextDueUtc = CASE
      WHEN NextDueUtc <= @Now THEN NextDueUtc
      WHEN DATEDIFF_BIG(millisecond, @Now, NextDueUtc) <= @AheadMs THEN @Now
      ELSE DATEADD(millisecond, -CAST(@AheadMs % 86400000 AS int), DATEADD(day, -CAST(@AheadMs / 86400000 AS int), NextDueUtc)) END,
    LastPlannedUtc = CASE WHEN LastPlannedUtc > @Now THEN @Now ELSE LastPlannedUtc END,
    LastRunUtc = CASE WHEN LastRunUtc > @Now THEN @Now ELSE LastRunUtc END
  FROM @Late l JOIN [$(Schema)].[Tenants] t WITH (FORCESEEK, ROWLOCK) ON t.Id = l.Id
  WHERE NextDueUtc > @Now OR LastPlannedUtc > @Now OR LastRunUtc > @Now;
  DELETE FROM @Late;
  IF @DrawInAfter IS NULL SET @AheadMs = NULL;
END;
IF @LookWithinMs IS NOT NULL
BEGIN
  SET @LatestDue = DATEADD(millisecond, CAST(@LookWithinMs % 1000 AS int), DATEADD(second, CAST(@LookWithinMs / 1000 AS int), @Now));
  -- This reads one entry of the index. An UPDATE that finds no row could still wait for the locks of other rows.
  SELECT @LastDue = MAX(NextDueUtc) FROM [$(Schema)].[Tenants] WHERE Status = N'active' AND NextDueUtc IS NOT NULL;
  IF @LastDue > @LatestDue
  BEGIN
    -- The latest first; more than 4,000 are left to the next plans.
    INSERT @Late (Id)
    SELECT TOP (4000) Id FROM [$(Schema)].[Tenants] WITH (READCOMMITTEDLOCK, READPAST)
    WHERE Status = N'active' AND NextDueUtc IS NOT NULL AND NextDueUtc > @LatestDue ORDER BY NextDueUtc DESC, Id DESC;
    -- CASE leaves the server only the primary key to seek: by IX_Tenants_Due it would lock in that index's order.
    UPDATE t SET NextDueUtc = @LatestDue
    FROM @Late l JOIN [$(Schema)].[Tenants] t WITH (FORCESEEK, ROWLOCK) ON t.Id = l.Id
    WHERE Status = N'active' AND CASE WHEN NextDueUtc > @LatestDue THEN 1 ELSE 0 END = 1;
  END;
END;
:r parts/registry-next-due.sql
IF @Fence IS NOT NULL AND @Ranges = 1
  SELECT @Due = COUNT(*) FROM [$(Schema)].[Tenants] WHERE Status = N'active' AND NextDueUtc IS NOT NULL AND NextDueUtc <= @Now;
IF @Fence IS NOT NULL AND @Ranges > 1
  SELECT @Due = COUNT(*) FROM [$(Schema)].[Tenants]
  WHERE Status = N'active' AND NextDueUtc IS NOT NULL AND NextDueUtc <= @Now
:r parts/registry-in-range.sql
;
IF @Fence IS NOT NULL AND @Due = 0
BEGIN
  -- Our own earlier plan is still open; it is now lost (L2).
  UPDATE [$(Schema)].[Leases] SET Owner = NULL, ExpiresUtc = NULL, Context = NULL WHERE NameHash = @LeaseHash;
  SET @Fence = NULL;
END;
SET @PreviousPlan = @LastPlan;
-- After the clock was set back, the times of the ranges mean nothing (Q16).
IF @LastPlan > DATEADD(second, 1, @Now)
  DELETE FROM [$(Schema)].[PlanRanges] WHERE Range > 0;
IF @Ranges = 1
  UPDATE [$(Schema)].[RegistryState]
  SET LastPlanUtc = @Now, LastPlanDue = @Due, LastPlanChosen = 0, PlanOpen = CASE WHEN @Fence IS NULL THEN 0 ELSE 1 END,
    DrawInMs = @AheadMs, DrawInAfter = @DrawInAfter
  WHERE Id = 1;
ELSE
BEGIN
  UPDATE [$(Schema)].[RegistryState] SET LastPlanUtc = @Now, PlanOpen = 0, DrawInMs = @AheadMs, DrawInAfter = @DrawInAfter WHERE Id = 1;
  -- If the fleet's last plan was one with another number of ranges, all ranges were planned then, or none if it is still open.
  SELECT @Known = COUNT(*), @LatestPlan = MAX(LastPlanUtc) FROM [$(Schema)].[PlanRanges] WHERE Ranges = @Ranges;
  IF @Known <> @Ranges OR @LatestPlan < @LastPlan
  BEGIN
    DELETE FROM [$(Schema)].[PlanRanges] WHERE Range > 0;
    SET @Known = 0;
    WHILE @Known < @Ranges
    BEGIN
      SET @Known = @Known + 1;
      INSERT [$(Schema)].[PlanRanges] (Range, Ranges, LastPlanUtc, LastPlanDue, LastPlanChosen, PlanOpen)
      VALUES (@Known, @Ranges, CASE WHEN @LastPlan < @Now THEN @LastPlan ELSE @Now END, 0, 0, COALESCE(@Open, 0));
    END;
  END;
  SELECT @PreviousPlan = CASE WHEN @LastPlan IS NULL THEN NULL ELSE LastPlanUtc END, @Open = PlanOpen
  FROM [$(Schema)].[PlanRanges] WHERE Range = @Range;
  UPDATE [$(Schema)].[PlanRanges]
  SET LastPlanUtc = @Now, LastPlanDue = @Due, LastPlanChosen = 0, PlanOpen = CASE WHEN @Fence IS NULL THEN 0 ELSE 1 END
  WHERE Range = @Range;
END;
COMMIT;
SELECT CASE WHEN @Fence IS NULL THEN N'released' ELSE N'acquired' END AS Lease, @Fence AS Fence,
  @AcquisitionId AS AcquisitionId, @Due AS Due,
  DATEDIFF_BIG(millisecond, @PreviousPlan, @Now) AS SinceMs, @Open AS Unfinished,
  CASE WHEN DATEDIFF_BIG(minute, @LastPlan, @Now) = 0 THEN 0 ELSE 1 END AS IsFirstOfMinute, DATEDIFF_BIG(millisecond, @Now, @NextDue) AS NextDueInMs;
IF @Fence IS NULL RETURN;
IF @Ranges = 1
  INSERT @Read (Id, Besides)
  SELECT TOP (@Limit) Id, 0 FROM [$(Schema)].[Tenants]
  WHERE Status = N'active' AND NextDueUtc IS NOT NULL AND NextDueUtc <= @Now ORDER BY NextDueUtc, Id;
ELSE
  INSERT @Read (Id, Besides)
  SELECT TOP (@Limit) Id, 0 FROM [$(Schema)].[Tenants]
  WHERE Status = N'active' AND NextDueUtc IS NOT NULL AND NextDueUtc <= @Now
:r parts/registry-in-range.sql
  ORDER BY NextDueUtc, Id;
IF @Due > @Limit AND @OrderBy <> N'longest-due'
BEGIN
  -- Sort only ids, because whole rows of all due tenants would be much data to sort.
  IF @Ranges = 1
    INSERT @First (Id)
    SELECT TOP (@Limit) Id FROM [$(Schema)].[Tenants]
    WHERE Status = N'active' AND NextDueUtc IS NOT NULL AND NextDueUtc <= @Now
:r parts/registry-due-first.sql
  ELSE
    INSERT @First (Id)
    SELECT TOP (@Limit) Id FROM [$(Schema)].[Tenants]
    WHERE Status = N'active' AND NextDueUtc IS NOT NULL AND NextDueUtc <= @Now
:r parts/registry-in-range.sql
:r parts/registry-due-first.sql
  INSERT @Read (Id, Besides) SELECT f.Id, 1 FROM @First f WHERE NOT EXISTS (SELECT 1 FROM @Read r WHERE r.Id = f.Id);
END;
SELECT t.*, DATEDIFF_BIG(millisecond, t.NextDueUtc, @Now) AS OverdueMs,
  DATEDIFF_BIG(millisecond, t.LastPlannedUtc, @Now) AS SincePlannedMs
FROM @Read r JOIN [$(Schema)].[TenantRecords] t ON t.Id = r.Id
ORDER BY r.Besides, t.NextDueUtc, t.Id;
GO
-- Commits the choice, a JSON array of {"tenantId":"…","planVersion":1}, and releases the plan lease. Returns one
-- row for each tenant that this planner got: a tenant that is still active and was not planned since. No rows if
-- the lease was lost. @Range and @Ranges are those of Plan_Begin.
IF OBJECT_ID(N'[$(Schema)].[Plan_Commit]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Plan_Commit] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Plan_Commit]
  @Owner nvarchar(4000),
  @Fence bigint,
  @AcquisitionId uniqueidentifier,
  @Choices nvarchar(max),
  @RedispatchMs bigint,
  @Range int = 1,
  @Ranges int = 1
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A plan cannot begin or be committed inside a transaction; commit or roll back first.', 1;
IF @Choices IS NULL OR ISJSON(@Choices) = 0 THROW 51025, N'@Choices must be a JSON array.', 1;
IF COALESCE(@RedispatchMs, -1) NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@RedispatchMs must be milliseconds from 0 to 1500000000000.', 1;
DECLARE @LeaseName nvarchar(200) = CASE WHEN @Ranges = 1 THEN N'plan' ELSE CONCAT(N'plan:', @Range, N'/', @Ranges) END;
DECLARE @Now datetime2(3), @Chosen int = 0;
-- An id of more than 64 characters is cut to 65, and then matches no tenant.
DECLARE @Choice TABLE (
  TenantId nvarchar(65) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
  SeenVersion bigint NOT NULL,
  -- 1: a value is missing or does not have its column's type.
  IsBad bit NOT NULL
);
DECLARE @Won TABLE (TenantId nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL);
INSERT @Choice (TenantId, SeenVersion, IsBad)
SELECT c.TenantId, MAX(c.SeenVersion), MAX(c.IsBad)
FROM (
  SELECT COALESCE(LEFT(tenantId, 65), N'') COLLATE Latin1_General_100_BIN2 AS TenantId,
    COALESCE(TRY_CAST(planVersion AS bigint), 0) AS SeenVersion,
    CASE WHEN tenantId IS NULL OR planVersion IS NULL OR TRY_CAST(planVersion AS bigint) IS NULL THEN 1 ELSE 0 END AS IsBad
  FROM OPENJSON(@Choices) WITH (tenantId nvarchar(max) '$.tenantId', planVersion nvarchar(40) '$.planVersion')
) c
GROUP BY c.TenantId;
IF EXISTS (SELECT 1 FROM @Choice WHERE IsBad = 1)
  THROW 51025, N'Each entry of @Choices needs a tenantId and a planVersion, and the planVersion must be a whole number.', 1;
BEGIN TRANSACTION;
UPDATE [$(Schema)].[Leases] SET Owner = NULL, ExpiresUtc = NULL, Context = NULL
WHERE NameHash = HASHBYTES('SHA2_256', @LeaseName) AND Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND Fence = @Fence
  AND AcquisitionId = @AcquisitionId;
IF @@ROWCOUNT = 1
BEGIN
  IF @Ranges = 1 UPDATE [$(Schema)].[RegistryState] WITH (XLOCK, ROWLOCK) SET PlanOpen = 0 WHERE Id = 1;
  SET @Now = SYSUTCDATETIME();
  UPDATE [$(Schema)].[Tenants]
  SET PlanVersion = PlanVersion % 9007199254740991 + 1, LastPlannedUtc = @Now, WakePending = 0, InFlight = 1,
    NextDueUtc = DATEADD(millisecond, CAST(@RedispatchMs % 1000 AS int), DATEADD(second, CAST(@RedispatchMs / 1000 AS int), @Now))
  OUTPUT inserted.Id INTO @Won (TenantId)
  WHERE Status = N'active' AND EXISTS (SELECT 1 FROM @Choice c WHERE c.TenantId = Id AND DATALENGTH(c.TenantId) = DATALENGTH(Id) AND c.SeenVersion = PlanVersion);
  SET @Chosen = @@ROWCOUNT;
  IF @Ranges = 1
    UPDATE [$(Schema)].[RegistryState] SET LastPlanChosen = @Chosen WHERE Id = 1;
  ELSE
    UPDATE [$(Schema)].[PlanRanges] SET LastPlanChosen = @Chosen, PlanOpen = 0 WHERE Range = @Range AND Ranges = @Ranges;
END;
COMMIT;
SELECT TenantId FROM @Won;
GO
