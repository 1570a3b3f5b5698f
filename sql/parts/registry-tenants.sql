-- Tenants as people define them (F1, F2).
--
-- T-SQL's = ignores trailing blanks in every collation. An id with a blank at its end must match no tenant, so every search
-- by an id that a caller gives also compares DATALENGTH, and no tenant gets such an id.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- The columns that describe a tenant to callers.
IF OBJECT_ID(N'[$(Schema)].[TenantRecords]', N'V') IS NULL EXEC(N'CREATE VIEW [$(Schema)].[TenantRecords] AS SELECT
  t.Id, t.Server, t.DatabaseName, t.Auth, t.SchemaName, t.Priority, t.Weight, t.SlaSeconds, t.Tags, t.Overrides,
  t.Status, t.PausedByOperator, t.Version, t.AddedUtc, t.SchemaVersion, t.NextDueUtc, t.WakePending, t.PlanVersion, t.LastPlannedUtc, t.LastRunUtc, t.LastOutcome,
  t.LastDurationMs, t.LastCounts, t.TotalDone, t.TotalRetried, t.TotalDead, t.TotalReleased, t.TotalParked, t.TotalLost,
  t.TotalRecovered, t.IdleStreak, t.FailureStreak, t.LastError, t.LastErrorCode, t.LastErrorUtc, t.Backlog,
  t.OutboxState, t.OutboxStateUtc, t.InboxState, t.InboxStateUtc, t.LongestWaitMs, t.LongestWaitUtc, t.FailingTopics
FROM [$(Schema)].[Tenants] t');
GO
-- Registers a tenant, active and due now. A retired id becomes active again, with the new definition; if @By is
-- 'directory' and an operator has paused the tenant, it becomes paused again. Returns one row: the tenant. Throws 51101 (the id is taken) and 51102 (another tenant that is not retired has the
-- database).
IF OBJECT_ID(N'[$(Schema)].[Tenant_Add]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_Add] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_Add]
  @Id nvarchar(4000),
  @Server nvarchar(4000),
  @DatabaseName nvarchar(4000),
  @DatabaseKey nvarchar(4000),
  @Auth nvarchar(4000),
  @SchemaName nvarchar(4000),
  @Priority float,
  @Weight float,
  @SlaSeconds float,
  @Tags nvarchar(max),
  @Overrides nvarchar(max),
  @By nvarchar(20) = N'operator'
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A tenant cannot be added, changed or given a status inside a transaction; commit or roll back first.', 1;
:r parts/tenant-limits.sql
IF @By IS NULL OR @By NOT IN (N'operator', N'directory') THROW 51005, N'@By must be operator or directory.', 1;
DECLARE @Now datetime2(3), @Status nvarchar(10), @Paused bit = 0, @PlanVersion bigint = 0, @Other nvarchar(64), @Message nvarchar(400);
BEGIN TRANSACTION;
:r parts/registry-next-version.sql
SET @Now = SYSUTCDATETIME();
-- A retired id starts afresh, except for a higher plan version: a plan that read the old tenant must not get
-- the new one.
SELECT @Status = Status, @PlanVersion = PlanVersion % 9007199254740991 + 1, @Paused = CASE WHEN @By = N'directory' THEN PausedByOperator ELSE 0 END
FROM [$(Schema)].[Tenants] WHERE Id = @Id;
IF @Status <> N'retired'
BEGIN
  ROLLBACK;
  SET @Message = N'the tenant ''' + @Id + N''' is registered already; choose another id, or remove it first';
  THROW 51101, @Message, 1;
END;
:r parts/tenant-database-check.sql
DELETE FROM [$(Schema)].[Tenants] WHERE Id = @Id;
INSERT [$(Schema)].[Tenants]
  (Id, Server, DatabaseName, DatabaseKey, Auth, SchemaName, Priority, Weight, SlaSeconds, Tags, Overrides, Status, PausedByOperator, Version,
   DatabaseVersion, AddedUtc, NextDueUtc, PlanVersion)
SELECT @Id, @Server, @DatabaseName, @DatabaseKey, @Auth, @SchemaName, @Priority, @Weight, @SlaSeconds, @Tags, @Overrides,
  CASE WHEN @Paused = 1 THEN N'paused' ELSE N'active' END, @Paused, s.TenantVersion,
  s.TenantVersion, @Now, @Now, @PlanVersion
FROM [$(Schema)].[RegistryState] s WHERE s.Id = 1;
COMMIT;
SELECT * FROM [$(Schema)].[TenantRecords] WHERE Id = @Id;
GO
-- Replaces the definition of a tenant that is not retired; its status and schedule do not change. If its database or schema
-- changes, what runs have reported of its queues goes, the tenant is due now, and later reports of runs that served the earlier
-- database are ignored. Returns one row: the tenant. Throws 51103 (unknown or retired), 51104 (@ExpectedVersion is given, and the
-- tenant has another version) and 51102 (another tenant that is not retired has the database).
IF OBJECT_ID(N'[$(Schema)].[Tenant_Change]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_Change] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_Change]
  @Id nvarchar(4000),
  @Server nvarchar(4000),
  @DatabaseName nvarchar(4000),
  @DatabaseKey nvarchar(4000),
  @Auth nvarchar(4000),
  @SchemaName nvarchar(4000),
  @Priority float,
  @Weight float,
  @SlaSeconds float,
  @Tags nvarchar(max),
  @Overrides nvarchar(max),
  @ExpectedVersion bigint = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A tenant cannot be added, changed or given a status inside a transaction; commit or roll back first.', 1;
:r parts/tenant-limits.sql
DECLARE @Other nvarchar(64), @Message nvarchar(400), @IsMoved bit = 0, @Version bigint;
BEGIN TRANSACTION;
:r parts/registry-next-version.sql
IF NOT EXISTS (SELECT 1 FROM [$(Schema)].[Tenants] WHERE Id = @Id AND Status <> N'retired')
BEGIN
  ROLLBACK;
  SET @Message = N'the registry has no tenant ''' + @Id + N''', or it is retired; add it first';
  THROW 51103, @Message, 1;
END;
-- The counter's row is locked, so no other change comes between this check and the write.
IF @ExpectedVersion IS NOT NULL AND NOT EXISTS (SELECT 1 FROM [$(Schema)].[Tenants] WHERE Id = @Id AND Version = @ExpectedVersion)
BEGIN
  ROLLBACK;
  SET @Message = N'the tenant ''' + @Id + N''' has changed since it was read; read it again, and make the change on what it is now';
  THROW 51104, @Message, 1;
END;
:r parts/tenant-database-check.sql
SELECT @IsMoved = CASE WHEN DatabaseKey = @DatabaseKey AND SchemaName = @SchemaName THEN 0 ELSE 1 END
FROM [$(Schema)].[Tenants] WHERE Id = @Id;
SELECT @Version = TenantVersion FROM [$(Schema)].[RegistryState] WHERE Id = 1;
-- After a restart of the counter, the tenant's version may be less than before. Its runs still serve its present database.
UPDATE [$(Schema)].[Tenants]
SET Server = @Server, DatabaseName = @DatabaseName, DatabaseKey = @DatabaseKey, Auth = @Auth, SchemaName = @SchemaName,
  Priority = @Priority, Weight = @Weight, SlaSeconds = @SlaSeconds, Tags = @Tags, Overrides = @Overrides,
  Version = @Version,
  DatabaseVersion = CASE WHEN @IsMoved = 0 AND DatabaseVersion < @Version THEN DatabaseVersion ELSE @Version END,
  InFlight = CASE WHEN @IsMoved = 0 THEN InFlight ELSE 0 END,
  NextDueUtc = CASE WHEN @IsMoved = 0 OR NextDueUtc < SYSUTCDATETIME() THEN NextDueUtc ELSE SYSUTCDATETIME() END,
  SchemaVersion = CASE WHEN @IsMoved = 0 THEN SchemaVersion END,
  OutboxState = CASE WHEN @IsMoved = 0 THEN OutboxState END,
  OutboxStateUtc = CASE WHEN @IsMoved = 0 THEN OutboxStateUtc ELSE SYSUTCDATETIME() END,
  InboxState = CASE WHEN @IsMoved = 0 THEN InboxState END,
  InboxStateUtc = CASE WHEN @IsMoved = 0 THEN InboxStateUtc ELSE SYSUTCDATETIME() END,
  LongestWaitMs = CASE WHEN @IsMoved = 0 THEN LongestWaitMs END,
  LongestWaitUtc = CASE WHEN @IsMoved = 0 THEN LongestWaitUtc END,
  FailingTopics = CASE WHEN @IsMoved = 0 THEN FailingTopics ELSE N'[]' END,
  Backlog = CASE WHEN @IsMoved = 0 THEN Backlog ELSE 0 END
WHERE Id = @Id;
COMMIT;
SELECT * FROM [$(Schema)].[TenantRecords] WHERE Id = @Id;
GO
-- Sets a tenant's status. A tenant that becomes active is due now. A tenant that an operator has paused stays paused
-- if @By is 'directory' and @Status 'active'. Returns one row: the tenant. Throws 51103 (unknown, or retired).
IF OBJECT_ID(N'[$(Schema)].[Tenant_SetStatus]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_SetStatus] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_SetStatus]
  @Id nvarchar(4000),
  @Status nvarchar(20),
  @By nvarchar(20) = N'operator'
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A tenant cannot be added, changed or given a status inside a transaction; commit or roll back first.', 1;
IF DATALENGTH(SUBSTRING(@Id COLLATE Latin1_General_100_BIN2, 65, 1)) > 0 THROW 51026, N'@Id is too long; it may have 64 characters at most.', 1;
DECLARE @Present nvarchar(10), @WasPaused bit, @Paused bit, @Message nvarchar(400), @Version bigint;
IF @Status IS NULL OR @Status NOT IN (N'active', N'paused', N'retired') OR DATALENGTH(RTRIM(@Status)) <> DATALENGTH(@Status)
  THROW 51005, N'@Status must be active, paused or retired.', 1;
IF @By IS NULL OR @By NOT IN (N'operator', N'directory') THROW 51005, N'@By must be operator or directory.', 1;
BEGIN TRANSACTION;
:r parts/registry-next-version.sql
SELECT @Present = Status, @WasPaused = PausedByOperator FROM [$(Schema)].[Tenants] WHERE Id = @Id AND DATALENGTH(Id) = DATALENGTH(@Id);
IF @Present IS NULL OR (@Present = N'retired' AND @Status <> N'retired')
BEGIN
  ROLLBACK;
  SET @Message = N'the registry has no tenant ''' + @Id + N''', or it is retired; add it first';
  THROW 51103, @Message, 1;
END;
SET @Paused = CASE
  WHEN @By = N'directory' OR @Status = N'retired' THEN @WasPaused
  WHEN @Status = N'paused' THEN 1
  ELSE 0 END;
-- If nothing changes, the counter must not rise.
IF (@Present = @Status AND @Paused = @WasPaused)
  OR (@By = N'directory' AND @Status = N'active' AND @Present = N'paused' AND @WasPaused = 1) ROLLBACK;
ELSE
BEGIN
  SELECT @Version = TenantVersion FROM [$(Schema)].[RegistryState] WHERE Id = 1;
  -- As in Tenant_Change.
  UPDATE [$(Schema)].[Tenants]
  SET Status = @Status, PausedByOperator = @Paused, Version = @Version,
    DatabaseVersion = CASE WHEN DatabaseVersion < @Version THEN DatabaseVersion ELSE @Version END,
    NextDueUtc = CASE WHEN @Status = N'active' THEN SYSUTCDATETIME() ELSE NextDueUtc END
  WHERE Id = @Id;
  COMMIT;
END;
SELECT * FROM [$(Schema)].[TenantRecords] WHERE Id = @Id;
GO
-- Records the schema version of the tenant's database. Unknown and retired tenants are ignored.
IF OBJECT_ID(N'[$(Schema)].[Tenant_RecordSchema]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_RecordSchema] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_RecordSchema]
  @Id nvarchar(4000),
  @SchemaVersion int
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF DATALENGTH(SUBSTRING(@Id COLLATE Latin1_General_100_BIN2, 65, 1)) > 0 THROW 51026, N'@Id is too long; it may have 64 characters at most.', 1;
UPDATE [$(Schema)].[Tenants] SET SchemaVersion = @SchemaVersion
WHERE Id = @Id AND DATALENGTH(Id) = DATALENGTH(@Id) AND Status <> N'retired';
GO
-- Returns the tenant in one row; none if the id is unknown.
IF OBJECT_ID(N'[$(Schema)].[Tenant_Get]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_Get] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_Get]
  @Id nvarchar(4000)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF DATALENGTH(SUBSTRING(@Id COLLATE Latin1_General_100_BIN2, 65, 1)) > 0 THROW 51026, N'@Id is too long; it may have 64 characters at most.', 1;
SELECT * FROM [$(Schema)].[TenantRecords] WHERE Id = @Id AND DATALENGTH(Id) = DATALENGTH(@Id);
GO
-- Lists a page of tenants, sorted by id: those after @After, of one status or of all. With @Parked only those that
-- have parked messages, by their last reports.
IF OBJECT_ID(N'[$(Schema)].[Tenant_List]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_List] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_List]
  @After nvarchar(4000) = N'',
  @Status nvarchar(20) = NULL,
  @Limit int = 2147483647,
  @Parked bit = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF @Status NOT IN (N'active', N'paused', N'retired') THROW 51005, N'@Status must be active, paused or retired.', 1;
SELECT TOP (@Limit) * FROM [$(Schema)].[TenantRecords]
WHERE Id > @After AND (@Status IS NULL OR Status = @Status) AND (@Parked = 0
  OR COALESCE(JSON_VALUE(OutboxState, '$.parked[0].topic'), JSON_VALUE(InboxState, '$.parked[0].topic')) IS NOT NULL)
ORDER BY Id;
GO
-- Returns the latest version, then the tenants whose definition or status changed after @Since; with null, no
-- tenants. If no tenant has the version @Since, IsWhole is 1 and all tenants follow: the registry was restored, or the
-- tenant that was changed last has changed again. The counter is read first: a change that is committed between the
-- reads is returned again at the next call.
IF OBJECT_ID(N'[$(Schema)].[Tenant_Changes]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Tenant_Changes] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Tenant_Changes]
  @Since bigint = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Version bigint, @IsWhole bit = 0;
SELECT @Version = CASE WHEN TenantVersion > 9007199254740991 THEN 9007199254740991 ELSE TenantVersion END FROM [$(Schema)].[RegistryState] WHERE Id = 1;
IF @Since NOT IN (0, @Version) AND NOT EXISTS (SELECT 1 FROM [$(Schema)].[Tenants] WHERE Version = @Since)
  SELECT @Since = 0, @IsWhole = 1;
SELECT @Version AS Version, @IsWhole AS IsWhole;
SELECT * FROM [$(Schema)].[TenantRecords] WHERE Version > @Since ORDER BY Version;
GO
