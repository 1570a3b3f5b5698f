-- Wakes (F7).
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Wakes the active tenants among @Ids, a JSON array of tenant ids. A tenant that is in flight, which means that a plan or a
-- wake has chosen it and no run has reported yet, gets a note: its run's report makes it due. A choice that is later than now
-- was made before the clock was set back, and does not count (Q16). Of the others, up to
-- @Capacity are chosen, and are due again after @RedispatchMs in case their requests are lost; the rest are due now. A
-- tenant whose last run failed, or found its database resuming, is not chosen, so that its runs are no more frequent than
-- plans.
-- Returns one row for each active tenant, with its State: 'chosen', 'due' for want of capacity, 'in-flight', or 'deferred',
-- which is due too, after a failed run; then the rows of the chosen tenants, each of which the caller must dispatch.
IF OBJECT_ID(N'[$(Schema)].[Tenant_Wake]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_Wake] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_Wake]
  @Ids nvarchar(max),
  @Capacity int = 0,
  @RedispatchMs bigint = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'Tenants cannot be woken inside a transaction; commit first.', 1;
IF @Ids IS NULL OR ISJSON(@Ids) = 0 THROW 51025, N'@Ids must be a JSON array of tenant ids.', 1;
IF COALESCE(@Capacity, -1) < 0 THROW 51027, N'@Capacity must be 0 or more.', 1;
IF COALESCE(@RedispatchMs, -1) NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@RedispatchMs must be milliseconds from 0 to 1500000000000.', 1;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
DECLARE @LatestChoice datetime2(3) = DATEADD(second, 1, @Now);
DECLARE @Only nvarchar(4000) = CASE WHEN (SELECT COUNT(*) FROM OPENJSON(@Ids)) = 1 THEN JSON_VALUE(@Ids, '$[0]') END, @State nvarchar(20);
-- Most wakes are of one tenant that was woken before, so they write nothing: see @Noted below. They need no table variable.
SELECT @State = CASE WHEN NextDueUtc > @Now THEN N'in-flight' WHEN LastOutcome IN (N'failed', N'resuming') THEN N'deferred' ELSE N'due' END
FROM [$(Schema)].[Tenants]
WHERE Id = @Only AND DATALENGTH(Id) = DATALENGTH(@Only) AND Status = N'active' AND WakePending = 1
  AND ((NextDueUtc <= @Now AND (@Capacity = 0 OR LastOutcome IN (N'failed', N'resuming')))
    OR (InFlight = 1 AND NextDueUtc > @Now AND (LastPlannedUtc IS NULL OR LastPlannedUtc <= @LatestChoice)));
IF @State IS NOT NULL
BEGIN
  SELECT @Only AS TenantId, @State AS State;
  SELECT t.* FROM [$(Schema)].[TenantRecords] t WHERE 1 = 0;
  RETURN;
END;
DECLARE @Asked TABLE (Id nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY);
DECLARE @Chosen TABLE (Id nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY);
DECLARE @Noted TABLE (Id nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY, NextDueUtc datetime2(3) NOT NULL, LastOutcome nvarchar(20) COLLATE Latin1_General_100_BIN2 NULL);
-- Texts that no tenant has as its id are left out: longer ones, and those with a blank at their end.
INSERT @Asked (Id)
SELECT DISTINCT LEFT(value, 64) COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@Ids)
WHERE DATALENGTH(value) > 0 AND SUBSTRING(value, 65, 1) = N'' AND DATALENGTH(RTRIM(value)) = DATALENGTH(value);
-- In one transaction: when it is repeated after an error, no tenant of the first try may be in flight without a request.
BEGIN TRANSACTION;
IF @Capacity > 0
BEGIN
  -- As a plan's choice, so that neither a plan nor another wake chooses the tenant too.
  UPDATE [$(Schema)].[Tenants]
  SET PlanVersion = PlanVersion % 9007199254740991 + 1, LastPlannedUtc = @Now, WakePending = 0, InFlight = 1,
    NextDueUtc = DATEADD(millisecond, CAST(@RedispatchMs % 1000 AS int), DATEADD(second, CAST(@RedispatchMs / 1000 AS int), @Now))
  OUTPUT inserted.Id INTO @Chosen (Id)
  WHERE Status = N'active' AND (InFlight = 0 OR NextDueUtc IS NULL OR NextDueUtc <= @Now OR LastPlannedUtc > @LatestChoice)
    AND Id IN (
      SELECT TOP (@Capacity) t.Id FROM @Asked a JOIN [$(Schema)].[Tenants] t ON t.Id = a.Id
      WHERE t.Status = N'active' AND (t.InFlight = 0 OR t.NextDueUtc IS NULL OR t.NextDueUtc <= @Now OR t.LastPlannedUtc > @LatestChoice)
        AND (t.LastOutcome IS NULL OR t.LastOutcome NOT IN (N'failed', N'resuming'))
      ORDER BY t.Id
    );
  DELETE FROM @Asked WHERE Id IN (SELECT c.Id FROM @Chosen c);
END;
-- A tenant that was woken since it was last chosen, and is still due or in flight, needs no write: its next run starts
-- after this, or its run's report makes it due.
INSERT @Noted (Id, NextDueUtc, LastOutcome)
SELECT t.Id, t.NextDueUtc, t.LastOutcome FROM @Asked a JOIN [$(Schema)].[Tenants] t ON t.Id = a.Id
WHERE t.Status = N'active' AND t.WakePending = 1 AND (t.NextDueUtc <= @Now OR (t.InFlight = 1 AND t.NextDueUtc IS NOT NULL AND (t.LastPlannedUtc IS NULL OR t.LastPlannedUtc <= @LatestChoice)));
DELETE FROM @Asked WHERE Id IN (SELECT n.Id FROM @Noted n);
IF EXISTS (SELECT 1 FROM @Asked)
  UPDATE [$(Schema)].[Tenants]
  SET WakePending = 1, NextDueUtc = CASE WHEN NextDueUtc < @Now OR (InFlight = 1 AND NextDueUtc > @Now AND (LastPlannedUtc IS NULL OR LastPlannedUtc <= @LatestChoice)) THEN NextDueUtc ELSE @Now END
  OUTPUT inserted.Id, inserted.NextDueUtc, inserted.LastOutcome INTO @Noted (Id, NextDueUtc, LastOutcome)
  WHERE Status = N'active' AND Id IN (SELECT a.Id FROM @Asked a);
SELECT Id AS TenantId, N'chosen' AS State FROM @Chosen
UNION ALL
SELECT Id, CASE WHEN NextDueUtc > @Now THEN N'in-flight' WHEN LastOutcome IN (N'failed', N'resuming') THEN N'deferred' ELSE N'due' END FROM @Noted;
SELECT t.* FROM @Chosen c JOIN [$(Schema)].[TenantRecords] t ON t.Id = c.Id;
COMMIT;
GO
-- Returns one row: HasWoken, 1 if a woken tenant is due whose last run has not failed. Hosts call this often after activity,
-- to learn of the wakes of other processes. It reads the tenants that have been due longest; if more are due, hosts plan
-- without this. It waits for no lock: what it reads is only a reason for a plan.
IF OBJECT_ID(N'[$(Schema)].[Tenant_HasWoken]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_HasWoken] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_HasWoken]
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
SELECT CAST(COUNT(*) AS bit) AS HasWoken
FROM (
  SELECT TOP (100) WakePending, LastOutcome FROM [$(Schema)].[Tenants] WITH (READUNCOMMITTED)
  WHERE Status = N'active' AND NextDueUtc IS NOT NULL AND NextDueUtc <= @Now ORDER BY NextDueUtc, Id
) d
WHERE WakePending = 1 AND (LastOutcome IS NULL OR LastOutcome NOT IN (N'failed', N'resuming'));
GO
