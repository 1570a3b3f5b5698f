-- The record of operators' acts (S3). Rows are added, and completed once; no procedure changes or removes them.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
IF OBJECT_ID(N'[$(Schema)].[Audit]', N'U') IS NULL
BEGIN
  CREATE TABLE [$(Schema)].[Audit] (
    Id bigint IDENTITY(1, 1) NOT NULL CONSTRAINT [PK_Audit] PRIMARY KEY CLUSTERED,
    StartedUtc datetime2(3) NOT NULL,
    -- Null when the end was not recorded: the act is under way, or its process ended.
    EndedUtc datetime2(3) NULL,
    Actor nvarchar(200) NOT NULL,
    Act nvarchar(20) NOT NULL,
    -- Null when it is about several tenants, or about the registry.
    TenantId nvarchar(64) COLLATE Latin1_General_100_BIN2 NULL,
    Queue nvarchar(20) NULL,
    -- JSON: what the act is about, without payloads.
    Selection nvarchar(max) NOT NULL,
    OperationId uniqueidentifier NULL,
    -- How many messages, tenants or leases were changed.
    Affected bigint NULL,
    Error nvarchar(1000) NULL
  );
  CREATE INDEX [IX_Audit_Tenant] ON [$(Schema)].[Audit] (TenantId, Id);
END;
GO
-- Adds a row for an act that begins. Returns one row: its id.
IF OBJECT_ID(N'[$(Schema)].[Audit_Begin]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Audit_Begin] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Audit_Begin]
  @Actor nvarchar(4000),
  @Act nvarchar(4000),
  @Selection nvarchar(max),
  @TenantId nvarchar(4000) = NULL,
  @Queue nvarchar(4000) = NULL,
  @OperationId uniqueidentifier = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
IF @Actor IS NULL OR @Act IS NULL THROW 51005, N'@Actor and @Act must be given.', 1;
IF COALESCE(ISJSON(@Selection), 0) = 0 THROW 51025, N'@Selection must be JSON.', 1;
IF DATALENGTH(SUBSTRING(@Actor COLLATE Latin1_General_100_BIN2, 201, 1)) > 0
  OR DATALENGTH(SUBSTRING(@Act COLLATE Latin1_General_100_BIN2, 21, 1)) > 0
  OR DATALENGTH(SUBSTRING(@TenantId COLLATE Latin1_General_100_BIN2, 65, 1)) > 0
  OR DATALENGTH(SUBSTRING(@Queue COLLATE Latin1_General_100_BIN2, 21, 1)) > 0
  THROW 51026, N'A text is longer than its column.', 1;
DECLARE @Added TABLE (Id bigint NOT NULL);
INSERT [$(Schema)].[Audit] (StartedUtc, Actor, Act, TenantId, Queue, Selection, OperationId)
OUTPUT inserted.Id INTO @Added (Id)
VALUES (SYSUTCDATETIME(), @Actor, @Act, @TenantId, @Queue, @Selection, @OperationId);
SELECT Id FROM @Added;
GO
-- Completes a row, once.
IF OBJECT_ID(N'[$(Schema)].[Audit_End]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Audit_End] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Audit_End]
  @Id bigint,
  @Affected bigint = NULL,
  @Error nvarchar(4000) = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
IF DATALENGTH(SUBSTRING(@Error COLLATE Latin1_General_100_BIN2, 1001, 1)) > 0 THROW 51026, N'@Error has more than 1000 characters.', 1;
UPDATE [$(Schema)].[Audit] SET EndedUtc = SYSUTCDATETIME(), Affected = @Affected, Error = @Error WHERE Id = @Id AND EndedUtc IS NULL;
GO
-- Returns the latest rows first. @Before: only rows with an id less than this one.
IF OBJECT_ID(N'[$(Schema)].[Audit_List]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Audit_List] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Audit_List]
  @Limit int = 100,
  @Before bigint = NULL,
  @TenantId nvarchar(4000) = NULL,
  @OperationId uniqueidentifier = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
IF COALESCE(@Limit, -1) < 0 THROW 51027, N'@Limit must be 0 or more.', 1;
SELECT TOP (@Limit) Id, StartedUtc, EndedUtc, Actor, Act, TenantId, Queue, Selection, OperationId, Affected, Error
FROM [$(Schema)].[Audit]
WHERE Id < COALESCE(@Before, 9223372036854775807) AND (@TenantId IS NULL OR TenantId = @TenantId)
  AND (@OperationId IS NULL OR OperationId = @OperationId)
ORDER BY Id DESC
OPTION (RECOMPILE);
GO
