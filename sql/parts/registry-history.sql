-- The history (S5): the fleet by minute and each tenant by hour. Reports write both; plans write the fleet's state.
--
-- Wait0 … Wait15 and Handle0 … Handle15 are the buckets of two histograms: how long messages waited from their due times to
-- the starts of their handlers, and how long the handlers took. The buckets' upper bounds, in milliseconds: 1, 5, 10, 25, 50,
-- 100, 250, 500, 1000, 2500, 5000, 15000, 60000, 300000, 3600000, none.
--
-- A count that is null is 0, so that a row begins with its key only.
--
-- Order of locks: rows of Tenants, then those of TenantHistory, then those of FleetHistory.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
IF OBJECT_ID(N'[$(Schema)].[TenantHistory]', N'U') IS NULL
BEGIN
  CREATE TABLE [$(Schema)].[TenantHistory] (
    HourUtc datetime2(3) NOT NULL,
    TenantId nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    Runs int NULL,
    FailedRuns int NULL,
    Done int NULL,
    Retried int NULL,
    Dead int NULL,
    Released int NULL,
    Parked int NULL,
    Lost int NULL,
    Recovered int NULL,
    Wait0 int NULL,
    Wait1 int NULL,
    Wait2 int NULL,
    Wait3 int NULL,
    Wait4 int NULL,
    Wait5 int NULL,
    Wait6 int NULL,
    Wait7 int NULL,
    Wait8 int NULL,
    Wait9 int NULL,
    Wait10 int NULL,
    Wait11 int NULL,
    Wait12 int NULL,
    Wait13 int NULL,
    Wait14 int NULL,
    Wait15 int NULL,
    Handle0 int NULL,
    Handle1 int NULL,
    Handle2 int NULL,
    Handle3 int NULL,
    Handle4 int NULL,
    Handle5 int NULL,
    Handle6 int NULL,
    Handle7 int NULL,
    Handle8 int NULL,
    Handle9 int NULL,
    Handle10 int NULL,
    Handle11 int NULL,
    Handle12 int NULL,
    Handle13 int NULL,
    Handle14 int NULL,
    Handle15 int NULL,
    WaitMaxMs int NULL,
    HandleMaxMs int NULL,
    CONSTRAINT [PK_TenantHistory] PRIMARY KEY CLUSTERED (HourUtc, TenantId)
  );
END;
GO
IF OBJECT_ID(N'[$(Schema)].[FleetHistory]', N'U') IS NULL
BEGIN
  CREATE TABLE [$(Schema)].[FleetHistory] (
    MinuteUtc datetime2(3) NOT NULL,
    -- 0: the state, which the minute's first plan writes. From 1: what was reported in the minute, in several rows, because
    -- all reports of the fleet would wait for each other in one.
    Part smallint NOT NULL,
    Active int NULL,
    Due int NULL,
    WithBacklog int NULL,
    Failing int NULL,
    WithFailingTopics int NULL,
    WithDead int NULL,
    DeadNow bigint NULL,
    OldestDueMs bigint NULL,
    Runs bigint NULL,
    FailedRuns bigint NULL,
    Done bigint NULL,
    Retried bigint NULL,
    Dead bigint NULL,
    Released bigint NULL,
    Parked bigint NULL,
    Lost bigint NULL,
    Recovered bigint NULL,
    Wait0 bigint NULL,
    Wait1 bigint NULL,
    Wait2 bigint NULL,
    Wait3 bigint NULL,
    Wait4 bigint NULL,
    Wait5 bigint NULL,
    Wait6 bigint NULL,
    Wait7 bigint NULL,
    Wait8 bigint NULL,
    Wait9 bigint NULL,
    Wait10 bigint NULL,
    Wait11 bigint NULL,
    Wait12 bigint NULL,
    Wait13 bigint NULL,
    Wait14 bigint NULL,
    Wait15 bigint NULL,
    Handle0 bigint NULL,
    Handle1 bigint NULL,
    Handle2 bigint NULL,
    Handle3 bigint NULL,
    Handle4 bigint NULL,
    Handle5 bigint NULL,
    Handle6 bigint NULL,
    Handle7 bigint NULL,
    Handle8 bigint NULL,
    Handle9 bigint NULL,
    Handle10 bigint NULL,
    Handle11 bigint NULL,
    Handle12 bigint NULL,
    Handle13 bigint NULL,
    Handle14 bigint NULL,
    Handle15 bigint NULL,
    CONSTRAINT [PK_FleetHistory] PRIMARY KEY CLUSTERED (MinuteUtc, Part)
  );
END;
GO
-- Internal. Inserts a part of the fleet's minute if it is missing, so that adding to it is an update of one row.
-- Locks: no lock outlasts the statement.
IF OBJECT_ID(N'[$(Schema)].[FleetHistory_Ensure]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[FleetHistory_Ensure] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[FleetHistory_Ensure]
  @Minute datetime2(3),
  @Part smallint
AS
SET NOCOUNT ON;
-- XACT_ABORT must be off, because the duplicate key error that is caught below would otherwise doom the
-- batch.
SET XACT_ABORT OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF EXISTS (SELECT 1 FROM [$(Schema)].[FleetHistory] WITH (READUNCOMMITTED) WHERE MinuteUtc = @Minute AND Part = @Part) RETURN;
BEGIN TRY
  INSERT [$(Schema)].[FleetHistory] (MinuteUtc, Part) VALUES (@Minute, @Part);
END TRY
BEGIN CATCH
  -- Ignore a duplicate key: another session has just inserted the row.
  IF ERROR_NUMBER() NOT IN (2601, 2627) THROW;
END CATCH;
GO
-- Adds a run to its tenant's hour and to a part of the fleet's minute, which exists. Tenant_Report calls it within its
-- transaction, when it holds the tenant's row: two runs of a tenant cannot both insert the hour's first row.
IF OBJECT_ID(N'[$(Schema)].[History_Add]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[History_Add] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[History_Add]
  @Id nvarchar(64),
  @Minute datetime2(3),
  @Part smallint,
  -- {"Runs":1,"Done":3,"Wait2":3,"Handle0":3,"WaitMaxMs":7,"HandleMaxMs":1}: by column; what is missing is 0
  @Flow nvarchar(max)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Hour datetime2(3) = DATEADD(minute, -DATEPART(minute, @Minute), @Minute);
INSERT [$(Schema)].[TenantHistory] (HourUtc, TenantId)
SELECT @Hour, @Id WHERE NOT EXISTS (
  SELECT 1 FROM [$(Schema)].[TenantHistory] WHERE HourUtc = @Hour AND TenantId = @Id);
DECLARE @Added TABLE (
  Runs bigint NOT NULL, FailedRuns bigint NOT NULL, Done bigint NOT NULL, Retried bigint NOT NULL, Dead bigint NOT NULL,
  Released bigint NOT NULL, Parked bigint NOT NULL, Lost bigint NOT NULL, Recovered bigint NOT NULL, Wait0 bigint NOT NULL,
  Wait1 bigint NOT NULL, Wait2 bigint NOT NULL, Wait3 bigint NOT NULL, Wait4 bigint NOT NULL, Wait5 bigint NOT NULL,
  Wait6 bigint NOT NULL, Wait7 bigint NOT NULL, Wait8 bigint NOT NULL, Wait9 bigint NOT NULL, Wait10 bigint NOT NULL,
  Wait11 bigint NOT NULL, Wait12 bigint NOT NULL, Wait13 bigint NOT NULL, Wait14 bigint NOT NULL, Wait15 bigint NOT NULL,
  Handle0 bigint NOT NULL, Handle1 bigint NOT NULL, Handle2 bigint NOT NULL, Handle3 bigint NOT NULL,
  Handle4 bigint NOT NULL, Handle5 bigint NOT NULL, Handle6 bigint NOT NULL, Handle7 bigint NOT NULL,
  Handle8 bigint NOT NULL, Handle9 bigint NOT NULL, Handle10 bigint NOT NULL, Handle11 bigint NOT NULL,
  Handle12 bigint NOT NULL, Handle13 bigint NOT NULL, Handle14 bigint NOT NULL, Handle15 bigint NOT NULL,
  WaitMaxMs bigint NOT NULL, HandleMaxMs bigint NOT NULL);
INSERT @Added (
  Runs, FailedRuns, Done, Retried, Dead, Released, Parked, Lost, Recovered, Wait0, Wait1, Wait2, Wait3, Wait4, Wait5, Wait6,
  Wait7, Wait8, Wait9, Wait10, Wait11, Wait12, Wait13, Wait14, Wait15, Handle0, Handle1, Handle2, Handle3, Handle4, Handle5,
  Handle6, Handle7, Handle8, Handle9, Handle10, Handle11, Handle12, Handle13, Handle14, Handle15, WaitMaxMs, HandleMaxMs)
SELECT
  COALESCE(TRY_CAST(f.Runs AS int), 0), COALESCE(TRY_CAST(f.FailedRuns AS int), 0), COALESCE(TRY_CAST(f.Done AS int), 0),
  COALESCE(TRY_CAST(f.Retried AS int), 0), COALESCE(TRY_CAST(f.Dead AS int), 0), COALESCE(TRY_CAST(f.Released AS int), 0),
  COALESCE(TRY_CAST(f.Parked AS int), 0), COALESCE(TRY_CAST(f.Lost AS int), 0), COALESCE(TRY_CAST(f.Recovered AS int), 0),
  COALESCE(TRY_CAST(f.Wait0 AS int), 0), COALESCE(TRY_CAST(f.Wait1 AS int), 0), COALESCE(TRY_CAST(f.Wait2 AS int), 0),
  COALESCE(TRY_CAST(f.Wait3 AS int), 0), COALESCE(TRY_CAST(f.Wait4 AS int), 0), COALESCE(TRY_CAST(f.Wait5 AS int), 0),
  COALESCE(TRY_CAST(f.Wait6 AS int), 0), COALESCE(TRY_CAST(f.Wait7 AS int), 0), COALESCE(TRY_CAST(f.Wait8 AS int), 0),
  COALESCE(TRY_CAST(f.Wait9 AS int), 0), COALESCE(TRY_CAST(f.Wait10 AS int), 0), COALESCE(TRY_CAST(f.Wait11 AS int), 0),
  COALESCE(TRY_CAST(f.Wait12 AS int), 0), COALESCE(TRY_CAST(f.Wait13 AS int), 0), COALESCE(TRY_CAST(f.Wait14 AS int), 0),
  COALESCE(TRY_CAST(f.Wait15 AS int), 0), COALESCE(TRY_CAST(f.Handle0 AS int), 0), COALESCE(TRY_CAST(f.Handle1 AS int), 0),
  COALESCE(TRY_CAST(f.Handle2 AS int), 0), COALESCE(TRY_CAST(f.Handle3 AS int), 0), COALESCE(TRY_CAST(f.Handle4 AS int), 0),
  COALESCE(TRY_CAST(f.Handle5 AS int), 0), COALESCE(TRY_CAST(f.Handle6 AS int), 0), COALESCE(TRY_CAST(f.Handle7 AS int), 0),
  COALESCE(TRY_CAST(f.Handle8 AS int), 0), COALESCE(TRY_CAST(f.Handle9 AS int), 0),
  COALESCE(TRY_CAST(f.Handle10 AS int), 0), COALESCE(TRY_CAST(f.Handle11 AS int), 0),
  COALESCE(TRY_CAST(f.Handle12 AS int), 0), COALESCE(TRY_CAST(f.Handle13 AS int), 0),
  COALESCE(TRY_CAST(f.Handle14 AS int), 0), COALESCE(TRY_CAST(f.Handle15 AS int), 0),
  COALESCE(TRY_CAST(f.WaitMaxMs AS int), 0), COALESCE(TRY_CAST(f.HandleMaxMs AS int), 0)
FROM OPENJSON(@Flow) WITH (
  Runs nvarchar(40) '$.Runs', FailedRuns nvarchar(40) '$.FailedRuns', Done nvarchar(40) '$.Done',
  Retried nvarchar(40) '$.Retried', Dead nvarchar(40) '$.Dead', Released nvarchar(40) '$.Released',
  Parked nvarchar(40) '$.Parked', Lost nvarchar(40) '$.Lost', Recovered nvarchar(40) '$.Recovered',
  Wait0 nvarchar(40) '$.Wait0', Wait1 nvarchar(40) '$.Wait1', Wait2 nvarchar(40) '$.Wait2', Wait3 nvarchar(40) '$.Wait3',
  Wait4 nvarchar(40) '$.Wait4', Wait5 nvarchar(40) '$.Wait5', Wait6 nvarchar(40) '$.Wait6', Wait7 nvarchar(40) '$.Wait7',
  Wait8 nvarchar(40) '$.Wait8', Wait9 nvarchar(40) '$.Wait9', Wait10 nvarchar(40) '$.Wait10',
  Wait11 nvarchar(40) '$.Wait11', Wait12 nvarchar(40) '$.Wait12', Wait13 nvarchar(40) '$.Wait13',
  Wait14 nvarchar(40) '$.Wait14', Wait15 nvarchar(40) '$.Wait15', Handle0 nvarchar(40) '$.Handle0',
  Handle1 nvarchar(40) '$.Handle1', Handle2 nvarchar(40) '$.Handle2', Handle3 nvarchar(40) '$.Handle3',
  Handle4 nvarchar(40) '$.Handle4', Handle5 nvarchar(40) '$.Handle5', Handle6 nvarchar(40) '$.Handle6',
  Handle7 nvarchar(40) '$.Handle7', Handle8 nvarchar(40) '$.Handle8', Handle9 nvarchar(40) '$.Handle9',
  Handle10 nvarchar(40) '$.Handle10', Handle11 nvarchar(40) '$.Handle11', Handle12 nvarchar(40) '$.Handle12',
  Handle13 nvarchar(40) '$.Handle13', Handle14 nvarchar(40) '$.Handle14', Handle15 nvarchar(40) '$.Handle15',
  WaitMaxMs nvarchar(40) '$.WaitMaxMs', HandleMaxMs nvarchar(40) '$.HandleMaxMs') f;
-- A sum that has come to its bound stays there: a report must not fail because of it.
DECLARE @Most bigint = 2147483647;
UPDATE h
SET
  WaitMaxMs = CASE WHEN a.WaitMaxMs > COALESCE(h.WaitMaxMs, 0) THEN a.WaitMaxMs ELSE h.WaitMaxMs END,
  HandleMaxMs = CASE WHEN a.HandleMaxMs > COALESCE(h.HandleMaxMs, 0) THEN a.HandleMaxMs ELSE h.HandleMaxMs END,
:r parts/registry-history-flow.sql
FROM [$(Schema)].[TenantHistory] h WITH (FORCESEEK, ROWLOCK) CROSS JOIN @Added a
WHERE h.HourUtc = @Hour AND h.TenantId = @Id;
-- What programs can read.
SET @Most = 9007199254740991;
-- Last, so that runs which share this row wait for one commit only.
UPDATE h
SET
:r parts/registry-history-flow.sql
FROM [$(Schema)].[FleetHistory] h WITH (FORCESEEK, ROWLOCK) CROSS JOIN @Added a
WHERE h.MinuteUtc = @Minute AND h.Part = @Part;
GO
-- Removes rows of the history that are older than 14 days (tenants) and 7 days (the fleet), 4,000 of each at most. With @Record
-- it first writes the fleet's state into the present minute, once.
IF OBJECT_ID(N'[$(Schema)].[History_Keep]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[History_Keep] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[History_Keep]
  @Record bit,
  @Active int = NULL,
  @Due int = NULL,
  @WithBacklog int = NULL,
  @Failing int = NULL,
  @WithFailingTopics int = NULL,
  @WithDead int = NULL,
  @DeadNow bigint = NULL,
  @OldestDueMs bigint = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'The history cannot be written inside a transaction; commit or roll back first.', 1;
IF @OldestDueMs NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@OldestDueMs must be milliseconds from 0 to 1500000000000, or null.', 1;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
DECLARE @Minute datetime2(3) = DATEADD(minute, DATEPART(hour, @Now) * 60 + DATEPART(minute, @Now), CAST(CAST(@Now AS date) AS datetime2(3)));
IF @Record = 1
BEGIN
  EXEC [$(Schema)].[FleetHistory_Ensure] @Minute, 0;
  UPDATE [$(Schema)].[FleetHistory] WITH (ROWLOCK)
  SET Active = @Active, Due = @Due, WithBacklog = @WithBacklog, Failing = @Failing, WithFailingTopics = @WithFailingTopics,
    WithDead = @WithDead, DeadNow = @DeadNow, OldestDueMs = @OldestDueMs
  WHERE MinuteUtc = @Minute AND Part = 0 AND Active IS NULL;
END;
DELETE TOP (4000) FROM [$(Schema)].[TenantHistory] WITH (ROWLOCK, READPAST) WHERE HourUtc < DATEADD(day, -14, @Now) OPTION (MAXDOP 1);
DELETE TOP (4000) FROM [$(Schema)].[FleetHistory] WITH (ROWLOCK, READPAST) WHERE MinuteUtc < DATEADD(day, -7, @Now) OPTION (MAXDOP 1);
GO
-- Returns the fleet's minutes that began within @SinceMs, the oldest first.
IF OBJECT_ID(N'[$(Schema)].[FleetHistory_List]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[FleetHistory_List] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[FleetHistory_List]
  @SinceMs bigint
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF COALESCE(@SinceMs, -1) NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@SinceMs must be milliseconds from 0 to 1500000000000.', 1;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
SELECT MinuteUtc, MAX(Active) AS Active, MAX(Due) AS Due, MAX(WithBacklog) AS WithBacklog, MAX(Failing) AS Failing,
  MAX(WithFailingTopics) AS WithFailingTopics, MAX(WithDead) AS WithDead, MAX(DeadNow) AS DeadNow,
  MAX(OldestDueMs) AS OldestDueMs, SUM(Runs) AS Runs, SUM(FailedRuns) AS FailedRuns, SUM(Done) AS Done,
  SUM(Retried) AS Retried, SUM(Dead) AS Dead, SUM(Released) AS Released, SUM(Parked) AS Parked, SUM(Lost) AS Lost,
  SUM(Recovered) AS Recovered, SUM(Wait0) AS Wait0, SUM(Wait1) AS Wait1, SUM(Wait2) AS Wait2, SUM(Wait3) AS Wait3,
  SUM(Wait4) AS Wait4, SUM(Wait5) AS Wait5, SUM(Wait6) AS Wait6, SUM(Wait7) AS Wait7, SUM(Wait8) AS Wait8,
  SUM(Wait9) AS Wait9, SUM(Wait10) AS Wait10, SUM(Wait11) AS Wait11, SUM(Wait12) AS Wait12, SUM(Wait13) AS Wait13,
  SUM(Wait14) AS Wait14, SUM(Wait15) AS Wait15, SUM(Handle0) AS Handle0, SUM(Handle1) AS Handle1, SUM(Handle2) AS Handle2,
  SUM(Handle3) AS Handle3, SUM(Handle4) AS Handle4, SUM(Handle5) AS Handle5, SUM(Handle6) AS Handle6,
  SUM(Handle7) AS Handle7, SUM(Handle8) AS Handle8, SUM(Handle9) AS Handle9, SUM(Handle10) AS Handle10,
  SUM(Handle11) AS Handle11, SUM(Handle12) AS Handle12, SUM(Handle13) AS Handle13, SUM(Handle14) AS Handle14,
  SUM(Handle15) AS Handle15
FROM [$(Schema)].[FleetHistory]
WHERE MinuteUtc > DATEADD(second, -CAST(@SinceMs / 1000 AS int), @Now) AND MinuteUtc <= @Now
GROUP BY MinuteUtc HAVING MAX(Active) IS NOT NULL OR SUM(Runs) > 0
ORDER BY MinuteUtc;
GO
-- Returns the tenant's hours that ended within @SinceMs and the present one, the oldest first. The key begins with the hour,
-- because the hours of all tenants grow and are removed together; so this is one seek an hour, for 400 hours at most.
IF OBJECT_ID(N'[$(Schema)].[TenantHistory_List]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[TenantHistory_List] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[TenantHistory_List]
  @Id nvarchar(4000),
  @SinceMs bigint
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF DATALENGTH(SUBSTRING(@Id COLLATE Latin1_General_100_BIN2, 65, 1)) > 0 THROW 51026, N'@Id is too long; it may have 64 characters at most.', 1;
IF COALESCE(@SinceMs, -1) NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@SinceMs must be milliseconds from 0 to 1500000000000.', 1;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
DECLARE @Hour datetime2(3) = DATEADD(hour, DATEPART(hour, @Now), CAST(CAST(@Now AS date) AS datetime2(3)));
DECLARE @First datetime2(3) = DATEADD(second, -CAST(@SinceMs / 1000 AS int), @Now);
DECLARE @Hours TABLE (HourUtc datetime2(3) NOT NULL PRIMARY KEY);
WHILE DATEADD(hour, 1, @Hour) > @First AND (SELECT COUNT(*) FROM @Hours) < 400
BEGIN
  INSERT @Hours (HourUtc) VALUES (@Hour);
  SET @Hour = DATEADD(hour, -1, @Hour);
END;
SELECT h.* FROM @Hours o JOIN [$(Schema)].[TenantHistory] h WITH (FORCESEEK) ON h.HourUtc = o.HourUtc
WHERE h.TenantId = @Id AND DATALENGTH(h.TenantId) = DATALENGTH(@Id) ORDER BY h.HourUtc;
GO
