-- The history (D7): the fleet by minute, which plans write, and each tenant by hour, which reports write.
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
    MinuteUtc datetime2(3) NOT NULL CONSTRAINT [PK_FleetHistory] PRIMARY KEY CLUSTERED,
    -- The state at the minute's first plan; null in a minute that was added afterwards.
    Active int NULL,
    Due int NULL,
    WithBacklog int NULL,
    Failing int NULL,
    WithFailingTopics int NULL,
    WithDead int NULL,
    DeadNow bigint NULL,
    OldestDueMs bigint NULL,
    -- What was reported since the minute before.
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
    Handle15 bigint NULL
  );
END;
GO
-- Adds a run to its tenant's hour. Tenant_Report calls it within its transaction, when it holds the tenant's row: two runs of
-- a tenant cannot both insert the hour's first row.
IF OBJECT_ID(N'[$(Schema)].[TenantHistory_Add]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[TenantHistory_Add] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[TenantHistory_Add]
  @Id nvarchar(64),
  @Now datetime2(3),
  -- {"Runs":1,"Done":3,"Wait2":3,"Handle0":3,"WaitMaxMs":7,"HandleMaxMs":1}: by column; what is missing is 0
  @Flow nvarchar(max)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Hour datetime2(3) = DATEADD(hour, DATEPART(hour, @Now), CAST(CAST(@Now AS date) AS datetime2(3)));
INSERT [$(Schema)].[TenantHistory] (HourUtc, TenantId)
SELECT @Hour, @Id WHERE NOT EXISTS (
  SELECT 1 FROM [$(Schema)].[TenantHistory] WHERE HourUtc = @Hour AND TenantId = @Id);
UPDATE h
SET
  Runs = COALESCE(h.Runs, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Runs') AS int), 0),
  FailedRuns = COALESCE(h.FailedRuns, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.FailedRuns') AS int), 0),
  Done = COALESCE(h.Done, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Done') AS int), 0),
  Retried = COALESCE(h.Retried, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Retried') AS int), 0),
  Dead = COALESCE(h.Dead, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Dead') AS int), 0),
  Released = COALESCE(h.Released, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Released') AS int), 0),
  Parked = COALESCE(h.Parked, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Parked') AS int), 0),
  Lost = COALESCE(h.Lost, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Lost') AS int), 0),
  Recovered = COALESCE(h.Recovered, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Recovered') AS int), 0),
  Wait0 = COALESCE(h.Wait0, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait0') AS int), 0),
  Wait1 = COALESCE(h.Wait1, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait1') AS int), 0),
  Wait2 = COALESCE(h.Wait2, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait2') AS int), 0),
  Wait3 = COALESCE(h.Wait3, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait3') AS int), 0),
  Wait4 = COALESCE(h.Wait4, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait4') AS int), 0),
  Wait5 = COALESCE(h.Wait5, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait5') AS int), 0),
  Wait6 = COALESCE(h.Wait6, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait6') AS int), 0),
  Wait7 = COALESCE(h.Wait7, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait7') AS int), 0),
  Wait8 = COALESCE(h.Wait8, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait8') AS int), 0),
  Wait9 = COALESCE(h.Wait9, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait9') AS int), 0),
  Wait10 = COALESCE(h.Wait10, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait10') AS int), 0),
  Wait11 = COALESCE(h.Wait11, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait11') AS int), 0),
  Wait12 = COALESCE(h.Wait12, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait12') AS int), 0),
  Wait13 = COALESCE(h.Wait13, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait13') AS int), 0),
  Wait14 = COALESCE(h.Wait14, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait14') AS int), 0),
  Wait15 = COALESCE(h.Wait15, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Wait15') AS int), 0),
  Handle0 = COALESCE(h.Handle0, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle0') AS int), 0),
  Handle1 = COALESCE(h.Handle1, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle1') AS int), 0),
  Handle2 = COALESCE(h.Handle2, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle2') AS int), 0),
  Handle3 = COALESCE(h.Handle3, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle3') AS int), 0),
  Handle4 = COALESCE(h.Handle4, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle4') AS int), 0),
  Handle5 = COALESCE(h.Handle5, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle5') AS int), 0),
  Handle6 = COALESCE(h.Handle6, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle6') AS int), 0),
  Handle7 = COALESCE(h.Handle7, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle7') AS int), 0),
  Handle8 = COALESCE(h.Handle8, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle8') AS int), 0),
  Handle9 = COALESCE(h.Handle9, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle9') AS int), 0),
  Handle10 = COALESCE(h.Handle10, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle10') AS int), 0),
  Handle11 = COALESCE(h.Handle11, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle11') AS int), 0),
  Handle12 = COALESCE(h.Handle12, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle12') AS int), 0),
  Handle13 = COALESCE(h.Handle13, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle13') AS int), 0),
  Handle14 = COALESCE(h.Handle14, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle14') AS int), 0),
  Handle15 = COALESCE(h.Handle15, 0) + COALESCE(TRY_CAST(JSON_VALUE(@Flow, '$.Handle15') AS int), 0),
  WaitMaxMs = CASE WHEN TRY_CAST(JSON_VALUE(@Flow, '$.WaitMaxMs') AS int) > COALESCE(h.WaitMaxMs, 0) THEN TRY_CAST(JSON_VALUE(@Flow, '$.WaitMaxMs') AS int) ELSE h.WaitMaxMs END,
  HandleMaxMs = CASE WHEN TRY_CAST(JSON_VALUE(@Flow, '$.HandleMaxMs') AS int) > COALESCE(h.HandleMaxMs, 0) THEN TRY_CAST(JSON_VALUE(@Flow, '$.HandleMaxMs') AS int) ELSE h.HandleMaxMs END
FROM [$(Schema)].[TenantHistory] h WITH (FORCESEEK, ROWLOCK)
WHERE h.HourUtc = @Hour AND h.TenantId = @Id;
GO
-- Adds to the fleet's minute what its tenants have reported in the hour and no minute of that hour has yet.
IF OBJECT_ID(N'[$(Schema)].[FleetHistory_Add]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[FleetHistory_Add] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[FleetHistory_Add]
  @Minute datetime2(3),
  @Hour datetime2(3)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
UPDATE m
SET
  Runs = COALESCE(m.Runs, 0) + t.Runs - f.Runs, FailedRuns = COALESCE(m.FailedRuns, 0) + t.FailedRuns - f.FailedRuns,
  Done = COALESCE(m.Done, 0) + t.Done - f.Done, Retried = COALESCE(m.Retried, 0) + t.Retried - f.Retried,
  Dead = COALESCE(m.Dead, 0) + t.Dead - f.Dead, Released = COALESCE(m.Released, 0) + t.Released - f.Released,
  Parked = COALESCE(m.Parked, 0) + t.Parked - f.Parked, Lost = COALESCE(m.Lost, 0) + t.Lost - f.Lost,
  Recovered = COALESCE(m.Recovered, 0) + t.Recovered - f.Recovered, Wait0 = COALESCE(m.Wait0, 0) + t.Wait0 - f.Wait0,
  Wait1 = COALESCE(m.Wait1, 0) + t.Wait1 - f.Wait1, Wait2 = COALESCE(m.Wait2, 0) + t.Wait2 - f.Wait2,
  Wait3 = COALESCE(m.Wait3, 0) + t.Wait3 - f.Wait3, Wait4 = COALESCE(m.Wait4, 0) + t.Wait4 - f.Wait4,
  Wait5 = COALESCE(m.Wait5, 0) + t.Wait5 - f.Wait5, Wait6 = COALESCE(m.Wait6, 0) + t.Wait6 - f.Wait6,
  Wait7 = COALESCE(m.Wait7, 0) + t.Wait7 - f.Wait7, Wait8 = COALESCE(m.Wait8, 0) + t.Wait8 - f.Wait8,
  Wait9 = COALESCE(m.Wait9, 0) + t.Wait9 - f.Wait9, Wait10 = COALESCE(m.Wait10, 0) + t.Wait10 - f.Wait10,
  Wait11 = COALESCE(m.Wait11, 0) + t.Wait11 - f.Wait11, Wait12 = COALESCE(m.Wait12, 0) + t.Wait12 - f.Wait12,
  Wait13 = COALESCE(m.Wait13, 0) + t.Wait13 - f.Wait13, Wait14 = COALESCE(m.Wait14, 0) + t.Wait14 - f.Wait14,
  Wait15 = COALESCE(m.Wait15, 0) + t.Wait15 - f.Wait15, Handle0 = COALESCE(m.Handle0, 0) + t.Handle0 - f.Handle0,
  Handle1 = COALESCE(m.Handle1, 0) + t.Handle1 - f.Handle1, Handle2 = COALESCE(m.Handle2, 0) + t.Handle2 - f.Handle2,
  Handle3 = COALESCE(m.Handle3, 0) + t.Handle3 - f.Handle3, Handle4 = COALESCE(m.Handle4, 0) + t.Handle4 - f.Handle4,
  Handle5 = COALESCE(m.Handle5, 0) + t.Handle5 - f.Handle5, Handle6 = COALESCE(m.Handle6, 0) + t.Handle6 - f.Handle6,
  Handle7 = COALESCE(m.Handle7, 0) + t.Handle7 - f.Handle7, Handle8 = COALESCE(m.Handle8, 0) + t.Handle8 - f.Handle8,
  Handle9 = COALESCE(m.Handle9, 0) + t.Handle9 - f.Handle9, Handle10 = COALESCE(m.Handle10, 0) + t.Handle10 - f.Handle10,
  Handle11 = COALESCE(m.Handle11, 0) + t.Handle11 - f.Handle11, Handle12 = COALESCE(m.Handle12, 0) + t.Handle12 - f.Handle12,
  Handle13 = COALESCE(m.Handle13, 0) + t.Handle13 - f.Handle13, Handle14 = COALESCE(m.Handle14, 0) + t.Handle14 - f.Handle14,
  Handle15 = COALESCE(m.Handle15, 0) + t.Handle15 - f.Handle15
FROM [$(Schema)].[FleetHistory] m WITH (FORCESEEK, ROWLOCK) CROSS JOIN (
    SELECT
      COALESCE(SUM(CAST(Runs AS bigint)), 0) AS Runs, COALESCE(SUM(CAST(FailedRuns AS bigint)), 0) AS FailedRuns,
      COALESCE(SUM(CAST(Done AS bigint)), 0) AS Done, COALESCE(SUM(CAST(Retried AS bigint)), 0) AS Retried,
      COALESCE(SUM(CAST(Dead AS bigint)), 0) AS Dead, COALESCE(SUM(CAST(Released AS bigint)), 0) AS Released,
      COALESCE(SUM(CAST(Parked AS bigint)), 0) AS Parked, COALESCE(SUM(CAST(Lost AS bigint)), 0) AS Lost,
      COALESCE(SUM(CAST(Recovered AS bigint)), 0) AS Recovered, COALESCE(SUM(CAST(Wait0 AS bigint)), 0) AS Wait0,
      COALESCE(SUM(CAST(Wait1 AS bigint)), 0) AS Wait1, COALESCE(SUM(CAST(Wait2 AS bigint)), 0) AS Wait2,
      COALESCE(SUM(CAST(Wait3 AS bigint)), 0) AS Wait3, COALESCE(SUM(CAST(Wait4 AS bigint)), 0) AS Wait4,
      COALESCE(SUM(CAST(Wait5 AS bigint)), 0) AS Wait5, COALESCE(SUM(CAST(Wait6 AS bigint)), 0) AS Wait6,
      COALESCE(SUM(CAST(Wait7 AS bigint)), 0) AS Wait7, COALESCE(SUM(CAST(Wait8 AS bigint)), 0) AS Wait8,
      COALESCE(SUM(CAST(Wait9 AS bigint)), 0) AS Wait9, COALESCE(SUM(CAST(Wait10 AS bigint)), 0) AS Wait10,
      COALESCE(SUM(CAST(Wait11 AS bigint)), 0) AS Wait11, COALESCE(SUM(CAST(Wait12 AS bigint)), 0) AS Wait12,
      COALESCE(SUM(CAST(Wait13 AS bigint)), 0) AS Wait13, COALESCE(SUM(CAST(Wait14 AS bigint)), 0) AS Wait14,
      COALESCE(SUM(CAST(Wait15 AS bigint)), 0) AS Wait15, COALESCE(SUM(CAST(Handle0 AS bigint)), 0) AS Handle0,
      COALESCE(SUM(CAST(Handle1 AS bigint)), 0) AS Handle1, COALESCE(SUM(CAST(Handle2 AS bigint)), 0) AS Handle2,
      COALESCE(SUM(CAST(Handle3 AS bigint)), 0) AS Handle3, COALESCE(SUM(CAST(Handle4 AS bigint)), 0) AS Handle4,
      COALESCE(SUM(CAST(Handle5 AS bigint)), 0) AS Handle5, COALESCE(SUM(CAST(Handle6 AS bigint)), 0) AS Handle6,
      COALESCE(SUM(CAST(Handle7 AS bigint)), 0) AS Handle7, COALESCE(SUM(CAST(Handle8 AS bigint)), 0) AS Handle8,
      COALESCE(SUM(CAST(Handle9 AS bigint)), 0) AS Handle9, COALESCE(SUM(CAST(Handle10 AS bigint)), 0) AS Handle10,
      COALESCE(SUM(CAST(Handle11 AS bigint)), 0) AS Handle11, COALESCE(SUM(CAST(Handle12 AS bigint)), 0) AS Handle12,
      COALESCE(SUM(CAST(Handle13 AS bigint)), 0) AS Handle13, COALESCE(SUM(CAST(Handle14 AS bigint)), 0) AS Handle14,
      COALESCE(SUM(CAST(Handle15 AS bigint)), 0) AS Handle15
    FROM [$(Schema)].[TenantHistory] WHERE HourUtc = @Hour
  ) t CROSS JOIN (
    SELECT
      COALESCE(SUM(Runs), 0) AS Runs, COALESCE(SUM(FailedRuns), 0) AS FailedRuns, COALESCE(SUM(Done), 0) AS Done,
      COALESCE(SUM(Retried), 0) AS Retried, COALESCE(SUM(Dead), 0) AS Dead, COALESCE(SUM(Released), 0) AS Released,
      COALESCE(SUM(Parked), 0) AS Parked, COALESCE(SUM(Lost), 0) AS Lost, COALESCE(SUM(Recovered), 0) AS Recovered,
      COALESCE(SUM(Wait0), 0) AS Wait0, COALESCE(SUM(Wait1), 0) AS Wait1, COALESCE(SUM(Wait2), 0) AS Wait2,
      COALESCE(SUM(Wait3), 0) AS Wait3, COALESCE(SUM(Wait4), 0) AS Wait4, COALESCE(SUM(Wait5), 0) AS Wait5,
      COALESCE(SUM(Wait6), 0) AS Wait6, COALESCE(SUM(Wait7), 0) AS Wait7, COALESCE(SUM(Wait8), 0) AS Wait8,
      COALESCE(SUM(Wait9), 0) AS Wait9, COALESCE(SUM(Wait10), 0) AS Wait10, COALESCE(SUM(Wait11), 0) AS Wait11,
      COALESCE(SUM(Wait12), 0) AS Wait12, COALESCE(SUM(Wait13), 0) AS Wait13, COALESCE(SUM(Wait14), 0) AS Wait14,
      COALESCE(SUM(Wait15), 0) AS Wait15, COALESCE(SUM(Handle0), 0) AS Handle0, COALESCE(SUM(Handle1), 0) AS Handle1,
      COALESCE(SUM(Handle2), 0) AS Handle2, COALESCE(SUM(Handle3), 0) AS Handle3, COALESCE(SUM(Handle4), 0) AS Handle4,
      COALESCE(SUM(Handle5), 0) AS Handle5, COALESCE(SUM(Handle6), 0) AS Handle6, COALESCE(SUM(Handle7), 0) AS Handle7,
      COALESCE(SUM(Handle8), 0) AS Handle8, COALESCE(SUM(Handle9), 0) AS Handle9, COALESCE(SUM(Handle10), 0) AS Handle10,
      COALESCE(SUM(Handle11), 0) AS Handle11, COALESCE(SUM(Handle12), 0) AS Handle12, COALESCE(SUM(Handle13), 0) AS Handle13,
      COALESCE(SUM(Handle14), 0) AS Handle14, COALESCE(SUM(Handle15), 0) AS Handle15
    FROM [$(Schema)].[FleetHistory] WHERE MinuteUtc >= @Hour AND MinuteUtc < DATEADD(hour, 1, @Hour)
  ) f
WHERE m.MinuteUtc = @Minute;
GO
-- Removes rows of the history that are older than 14 days (tenants) and 7 days (the fleet), 4,000 of each at most. With @Record
-- it first writes the fleet's minute, once: the state given, and what was reported since the last minute that was written.
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
DECLARE @Hour datetime2(3) = DATEADD(hour, DATEPART(hour, @Now), CAST(CAST(@Now AS date) AS datetime2(3)));
DECLARE @Minute datetime2(3) = DATEADD(minute, DATEPART(minute, @Now), @Hour);
DECLARE @LastHour datetime2(3) = DATEADD(hour, -1, @Hour), @LastMinute datetime2(3) = DATEADD(minute, -1, @Hour);
IF @Record = 1
BEGIN
  BEGIN TRANSACTION;
  INSERT [$(Schema)].[FleetHistory] (MinuteUtc, Active, Due, WithBacklog, Failing, WithFailingTopics, WithDead, DeadNow, OldestDueMs)
  SELECT @Minute, @Active, @Due, @WithBacklog, @Failing, @WithFailingTopics, @WithDead, @DeadNow, @OldestDueMs
  WHERE NOT EXISTS (SELECT 1 FROM [$(Schema)].[FleetHistory] WHERE MinuteUtc = @Minute);
  IF @@ROWCOUNT = 1
  BEGIN
    IF EXISTS (SELECT 1 FROM [$(Schema)].[TenantHistory] WHERE HourUtc = @LastHour)
      AND NOT EXISTS (SELECT 1 FROM [$(Schema)].[FleetHistory] WHERE MinuteUtc >= @Hour AND MinuteUtc < @Minute)
    BEGIN
      -- What was reported after the last hour's last plan belongs to the last minute of that hour.
      INSERT [$(Schema)].[FleetHistory] (MinuteUtc)
      SELECT @LastMinute WHERE NOT EXISTS (SELECT 1 FROM [$(Schema)].[FleetHistory] WHERE MinuteUtc = @LastMinute);
      EXEC [$(Schema)].[FleetHistory_Add] @LastMinute, @LastHour;
    END;
    EXEC [$(Schema)].[FleetHistory_Add] @Minute, @Hour;
  END;
  COMMIT;
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
SELECT * FROM [$(Schema)].[FleetHistory]
WHERE MinuteUtc > DATEADD(second, -CAST(@SinceMs / 1000 AS int), @Now) AND MinuteUtc <= @Now
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
