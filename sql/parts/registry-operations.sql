-- Operations: acts over many tenants, on all their messages that match or on the tenants themselves, with their progress (S3).
--
-- One process at a time works on an operation: the one that took it last (Runner). An earlier one stops at its next
-- Operation_Change, which returns no row.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
IF OBJECT_ID(N'[$(Schema)].[Operations]', N'U') IS NULL
BEGIN
  CREATE TABLE [$(Schema)].[Operations] (
    Number bigint IDENTITY(1, 1) NOT NULL CONSTRAINT [PK_Operations] PRIMARY KEY CLUSTERED,
    Id uniqueidentifier NOT NULL CONSTRAINT [UQ_Operations_Id] UNIQUE,
    Actor nvarchar(200) NOT NULL,
    -- JSON: on, act, for messages also queue and filter, and in targets how many tenants there are.
    Definition nvarchar(max) NOT NULL,
    Counted bigint NOT NULL,
    State nvarchar(20) NOT NULL,
    Runner uniqueidentifier NULL,
    CreatedUtc datetime2(3) NOT NULL,
    UpdatedUtc datetime2(3) NOT NULL,
    -- JSON: changed, tenantsDone, lastTenant, and in failures how many there are.
    Progress nvarchar(max) NOT NULL,
    -- JSON: the ids of the tenants, and of those that could not be counted. There may be many, so lists do not read them.
    Targets nvarchar(max) NOT NULL,
    -- JSON: the tenants that failed, each with its error. There may be many, so they are written only when they change.
    Failures nvarchar(max) NOT NULL
  );
END;
GO
-- Returns one operation, or with a null @Id the latest, those with a Number less than that of @Before. Targets and Failures
-- are null unless @WithTenants is 1.
IF OBJECT_ID(N'[$(Schema)].[Operation_List]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Operation_List] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Operation_List]
  @Id uniqueidentifier = NULL,
  @Limit int = 100,
  @Before uniqueidentifier = NULL,
  @WithTenants bit = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
IF COALESCE(@Limit, -1) < 0 THROW 51027, N'@Limit must be 0 or more.', 1;
DECLARE @End bigint = 9223372036854775807;
SELECT @End = Number FROM [$(Schema)].[Operations] WHERE Id = @Before;
SELECT TOP (@Limit) Id, Actor, Definition, Counted, State, CreatedUtc, UpdatedUtc, Progress,
  CASE WHEN @WithTenants = 1 THEN Targets END AS Targets, CASE WHEN @WithTenants = 1 THEN Failures END AS Failures
FROM [$(Schema)].[Operations]
WHERE Number < @End AND (@Id IS NULL OR Id = @Id)
ORDER BY Number DESC
OPTION (RECOMPILE);
GO
-- Stores an operation that has not begun. A call that is repeated stores it once. Returns its row, without Targets and
-- Failures.
IF OBJECT_ID(N'[$(Schema)].[Operation_Create]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Operation_Create] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Operation_Create]
  @Id uniqueidentifier,
  @Actor nvarchar(4000),
  @Definition nvarchar(max),
  @Targets nvarchar(max),
  @Counted bigint,
  @Progress nvarchar(max),
  @Failures nvarchar(max)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
IF @Id IS NULL OR @Actor IS NULL OR @Counted IS NULL THROW 51005, N'@Id, @Actor and @Counted must be given.', 1;
IF COALESCE(ISJSON(@Definition), 0) = 0 OR COALESCE(ISJSON(@Targets), 0) = 0 OR COALESCE(ISJSON(@Progress), 0) = 0
  OR COALESCE(ISJSON(@Failures), 0) = 0
  THROW 51025, N'@Definition, @Targets, @Progress and @Failures must be JSON.', 1;
IF DATALENGTH(SUBSTRING(@Actor COLLATE Latin1_General_100_BIN2, 201, 1)) > 0 THROW 51026, N'@Actor has more than 200 characters.', 1;
INSERT [$(Schema)].[Operations] (Id, Actor, Definition, Counted, State, CreatedUtc, UpdatedUtc, Progress, Targets, Failures)
SELECT @Id, @Actor, @Definition, @Counted, N'counted', SYSUTCDATETIME(), SYSUTCDATETIME(), @Progress, @Targets, @Failures
WHERE NOT EXISTS (SELECT 1 FROM [$(Schema)].[Operations] WITH (UPDLOCK, HOLDLOCK) WHERE Id = @Id);
EXEC [$(Schema)].[Operation_List] @Id;
GO
-- @Act: 'take' makes @Runner the one that works on the operation, unless it was cancelled. 'progress' and 'done' store
-- @Progress of the @Runner that has it, and @Failures unless it is null. 'cancel' ends it, unless it is done. Returns the
-- operation's row if it was changed, else none; with 'progress' and 'done', without Targets and Failures.
IF OBJECT_ID(N'[$(Schema)].[Operation_Change]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Operation_Change] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Operation_Change]
  @Id uniqueidentifier,
  @Act nvarchar(20),
  @Runner uniqueidentifier = NULL,
  @Progress nvarchar(max) = NULL,
  @Failures nvarchar(max) = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
IF @Act IS NULL OR @Act NOT IN (N'take', N'progress', N'done', N'cancel') THROW 51005, N'@Act must be take, progress, done or cancel.', 1;
IF ISJSON(@Progress) = 0 OR ISJSON(@Failures) = 0 THROW 51025, N'@Progress and @Failures must be JSON.', 1;
DECLARE @WithTenants bit = CASE WHEN @Act IN (N'progress', N'done') THEN 0 ELSE 1 END;
UPDATE [$(Schema)].[Operations]
SET State = CASE WHEN @Act = N'done' THEN N'done' WHEN @Act = N'cancel' THEN N'cancelled' ELSE N'running' END,
  Runner = CASE WHEN @Act = N'take' THEN @Runner ELSE Runner END, Progress = COALESCE(@Progress, Progress),
  Failures = COALESCE(@Failures, Failures), UpdatedUtc = SYSUTCDATETIME()
WHERE Id = @Id AND State <> N'cancelled' AND (@Act = N'take' OR Runner = @Runner OR @Act = N'cancel' AND State <> N'done');
IF @@ROWCOUNT > 0 EXEC [$(Schema)].[Operation_List] @Id = @Id, @WithTenants = @WithTenants;
GO
