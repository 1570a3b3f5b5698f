-- The schema, and the journal of the migrations applied to it.
-- Every script may be run again: it does not change tables that exist, and it replaces procedures.
--
-- The schema and the roles belong to dbo, whoever runs the scripts: ownership chaining then works, and no user who once
-- migrated the database keeps rights on them.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
IF SCHEMA_ID(N'$(Schema)') IS NULL EXEC(N'CREATE SCHEMA [$(Schema)] AUTHORIZATION dbo');
GO
IF OBJECT_ID(N'[$(Schema)].[SchemaJournal]', N'U') IS NULL
  CREATE TABLE [$(Schema)].[SchemaJournal] (
    Version int NOT NULL CONSTRAINT [PK_SchemaJournal] PRIMARY KEY CLUSTERED,
    Name nvarchar(200) NOT NULL,
    -- SHA-256 of the step's text, in hex.
    Checksum nvarchar(64) NOT NULL,
    AppliedUtc datetime2(3) NOT NULL
  );
GO
-- Lists the applied steps in order. It is for logins that may not read the table.
IF OBJECT_ID(N'[$(Schema)].[SchemaJournal_List]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[SchemaJournal_List] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[SchemaJournal_List]
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SELECT Version, Name, Checksum FROM [$(Schema)].[SchemaJournal] ORDER BY Version;
GO
