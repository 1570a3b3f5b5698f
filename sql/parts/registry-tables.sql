-- The registry's tables. A tenant's row holds its definition, which people change, and its schedule, which plans and
-- reports change.
--
-- Order of locks, in all procedures of the registry:
--   1. the row of the plan lease;
--   2. the row of RegistryState, in plans and in changes of a definition or a status;
--   3. rows of Tenants, and after them those of PlanRanges. Plans, reports and wakes change the schedule of rows whose ids they know. Two calls that change
--      several of the same rows in different order may deadlock (1205). The server ends one of them, which is then
--      tried again.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
IF OBJECT_ID(N'[$(Schema)].[Tenants]', N'U') IS NULL
BEGIN
  CREATE TABLE [$(Schema)].[Tenants] (
    Id nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT [PK_Tenants] PRIMARY KEY CLUSTERED,
    Server nvarchar(256) NOT NULL,
    DatabaseName nvarchar(1000) NOT NULL,
    -- Equal for two tenants exactly when they mean the same physical database.
    DatabaseKey nvarchar(1400) COLLATE Latin1_General_100_BIN2 NOT NULL,
    DatabaseHash AS CAST(HASHBYTES('SHA2_256', DatabaseKey) AS binary(32)) PERSISTED,
    -- {"kind":"managed-identity"}, or {"kind":"setting","name":"…"}: the name of an app setting, never a secret.
    Auth nvarchar(400) NOT NULL,
    SchemaName nvarchar(128) NOT NULL,
    Priority float NOT NULL,
    Weight float NOT NULL,
    SlaSeconds float NULL,
    -- JSON objects.
    Tags nvarchar(max) NOT NULL,
    Overrides nvarchar(max) NOT NULL,
    Status nvarchar(10) COLLATE Latin1_General_100_BIN2 NOT NULL,
    -- 1: an operator has paused the tenant and not resumed it since. It stays 1 while the tenant is retired, so that
    -- a directory that lists the tenant again does not end the pause (F2).
    PausedByOperator bit NOT NULL CONSTRAINT [DF_Tenants_PausedByOperator] DEFAULT (0),
    -- Comes from RegistryState.TenantVersion, for all tenants; rises with every change of a definition or a status (F2).
    Version bigint NOT NULL,
    -- The Version with which the tenant got its present database: runs with older ones have served another database.
    DatabaseVersion bigint NOT NULL,
    AddedUtc datetime2(3) NOT NULL,
    -- The last known schema version of the tenant's database; null if none has been read since the tenant was
    -- added or moved.
    SchemaVersion int NULL,
    -- Null: not due until a wake.
    NextDueUtc datetime2(3) NULL,
    -- 1: woken since it was last chosen (F7).
    WakePending bit NOT NULL CONSTRAINT [DF_Tenants_WakePending] DEFAULT (0),
    -- 1: no run has reported since a plan or a wake chose the tenant; until its due time it is in flight (F7).
    InFlight bit NOT NULL CONSTRAINT [DF_Tenants_InFlight] DEFAULT (0),
    -- Rises with every choice of the tenant, so that two planners never both get it (F3). After the largest that programs can
    -- read comes 1.
    PlanVersion bigint NOT NULL CONSTRAINT [DF_Tenants_PlanVersion] DEFAULT (0),
    LastPlannedUtc datetime2(3) NULL,
    LastRunUtc datetime2(3) NULL,
    LastOutcome nvarchar(20) NULL,
    LastDurationMs float NULL,
    LastCounts nvarchar(1000) NULL,
    TotalDone bigint NOT NULL CONSTRAINT [DF_Tenants_TotalDone] DEFAULT (0),
    TotalRetried bigint NOT NULL CONSTRAINT [DF_Tenants_TotalRetried] DEFAULT (0),
    TotalDead bigint NOT NULL CONSTRAINT [DF_Tenants_TotalDead] DEFAULT (0),
    TotalReleased bigint NOT NULL CONSTRAINT [DF_Tenants_TotalReleased] DEFAULT (0),
    TotalParked bigint NOT NULL CONSTRAINT [DF_Tenants_TotalParked] DEFAULT (0),
    TotalLost bigint NOT NULL CONSTRAINT [DF_Tenants_TotalLost] DEFAULT (0),
    TotalRecovered bigint NOT NULL CONSTRAINT [DF_Tenants_TotalRecovered] DEFAULT (0),
    IdleStreak int NOT NULL CONSTRAINT [DF_Tenants_IdleStreak] DEFAULT (0),
    FailureStreak int NOT NULL CONSTRAINT [DF_Tenants_FailureStreak] DEFAULT (0),
    LastError nvarchar(max) NULL,
    LastErrorCode nvarchar(100) NULL,
    LastErrorUtc datetime2(3) NULL,
    Backlog bit NOT NULL CONSTRAINT [DF_Tenants_Backlog] DEFAULT (0),
    -- A JSON object each: the counts of the queue, by the last run that served it to its end (S2), and when that was.
    OutboxState nvarchar(max) NULL,
    OutboxStateUtc datetime2(3) NULL,
    InboxState nvarchar(max) NULL,
    InboxStateUtc datetime2(3) NULL,
    -- The longest time from a message's due time to the start of its handler, in the last run that started one (S2), and when
    -- that run reported.
    LongestWaitMs bigint NULL,
    LongestWaitUtc datetime2(3) NULL,
    -- A JSON array of {"queue":"outbox","topic":"…","source":null,"sinceUtc":"…","lastUtc":"…","failures":3,"messageId":"…","error":"…"}:
    -- the topics of which no attempt has succeeded since these attempts failed.
    FailingTopics nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT [DF_Tenants_FailingTopics] DEFAULT (N'[]'),
    -- The ids of the last 16 reports, the newest first, each with a + if the report chose the tenant, otherwise a -.
    LastReports nvarchar(592) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT [DF_Tenants_LastReports] DEFAULT (N''),
    -- These refuse what no program could read (Q15).
    CONSTRAINT [CK_Tenants_DatabaseVersion] CHECK (DatabaseVersion <= Version),
    CONSTRAINT [CK_Tenants_Json] CHECK (ISJSON(Auth) = 1 AND ISJSON(Tags) = 1 AND ISJSON(Overrides) = 1),
    CONSTRAINT [CK_Tenants_Report] CHECK (ISJSON(LastCounts) = 1 AND ISJSON(FailingTopics) = 1),
    CONSTRAINT [CK_Tenants_States] CHECK (ISJSON(OutboxState) = 1 AND ISJSON(InboxState) = 1),
    CONSTRAINT [CK_Tenants_LongestWaitMs] CHECK (LongestWaitMs BETWEEN 0 AND 9007199254740991),
    CONSTRAINT [CK_Tenants_Status] CHECK (Status IN (N'active', N'paused', N'retired'))
  );
  CREATE UNIQUE INDEX [UX_Tenants_DatabaseHash] ON [$(Schema)].[Tenants] (DatabaseHash) WHERE Status <> N'retired';
  CREATE UNIQUE INDEX [UX_Tenants_Version] ON [$(Schema)].[Tenants] (Version);
  CREATE INDEX [IX_Tenants_Due] ON [$(Schema)].[Tenants] (NextDueUtc, Id)
    WHERE Status = N'active' AND NextDueUtc IS NOT NULL;
  -- A plan that makes many due times earlier must not stop every report.
  ALTER TABLE [$(Schema)].[Tenants] SET (LOCK_ESCALATION = DISABLE);
END;
GO
IF OBJECT_ID(N'[$(Schema)].[RegistryState]', N'U') IS NULL
BEGIN
  CREATE TABLE [$(Schema)].[RegistryState] (
    Id int NOT NULL CONSTRAINT [PK_RegistryState] PRIMARY KEY CLUSTERED,
    -- Rises with every change, at random: a restored registry must not give a version that a host has seen to another
    -- change.
    TenantVersion bigint NOT NULL,
    LastPlanUtc datetime2(3) NULL,
    LastPlanDue int NOT NULL,
    LastPlanChosen int NOT NULL,
    -- 1: the last plan took the lease and has not committed.
    PlanOpen bit NOT NULL,
    -- The milliseconds by which plans still have to make due times earlier, because the clock was set back (Q16), and the
    -- last tenant whose times were; null when no tenant is left.
    DrawInMs bigint NULL,
    DrawInAfter nvarchar(64) COLLATE Latin1_General_100_BIN2 NULL,
    -- How many queue messages were given up, and when the last one was (F6).
    Poisoned bigint NOT NULL,
    LastPoisonedUtc datetime2(3) NULL,
    -- The ids of the last 16 of them, the newest first.
    LastPoisoned nvarchar(576) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT [DF_RegistryState_LastPoisoned] DEFAULT (N''),
    -- These refuse what no program could read (Q15).
    CONSTRAINT [CK_RegistryState_TenantVersion] CHECK (TenantVersion BETWEEN 0 AND 9007199254740991),
    CONSTRAINT [CK_RegistryState_DrawInMs] CHECK (DrawInMs BETWEEN 0 AND 315537897600000),
    CONSTRAINT [CK_RegistryState_Poisoned] CHECK (Poisoned BETWEEN 0 AND 9007199254740991)
  );
  INSERT [$(Schema)].[RegistryState] (Id, TenantVersion, LastPlanDue, LastPlanChosen, PlanOpen, Poisoned) VALUES (1, 0, 0, 0, 0, 0);
END;
GO
-- What each of several planners did last: a row for each range of tenants, of as many Ranges as there are planners. A single
-- planner leaves it alone.
IF OBJECT_ID(N'[$(Schema)].[PlanRanges]', N'U') IS NULL
  CREATE TABLE [$(Schema)].[PlanRanges] (
    Range int NOT NULL CONSTRAINT [PK_PlanRanges] PRIMARY KEY CLUSTERED,
    Ranges int NOT NULL,
    LastPlanUtc datetime2(3) NOT NULL,
    LastPlanDue int NOT NULL,
    LastPlanChosen int NOT NULL,
    PlanOpen bit NOT NULL
  );
GO
