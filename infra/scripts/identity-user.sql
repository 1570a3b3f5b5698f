-- Creates the user of the app's managed identity in this database and adds it to the role <schema>_dispatcher, which the
-- registry and tenant databases have. Run it with sqlcmd and the variables UserName, ClientId and Schema; you can run it again.
-- The user is created from the client id, so the server need not look the identity up in the directory.
SET NOCOUNT ON;
SET XACT_ABORT ON;

DECLARE @User sysname = N'$(UserName)';
DECLARE @Role sysname = N'$(Schema)_dispatcher';
DECLARE @Sid varbinary(16) = CAST(CAST('$(ClientId)' AS uniqueidentifier) AS varbinary(16));
DECLARE @Sql nvarchar(max);

IF DATABASE_PRINCIPAL_ID(@Role) IS NULL
BEGIN
  RAISERROR (N'The role %s does not exist. Migrate the database first (multi-outbox migrate).', 16, 1, @Role);
  RETURN;
END;

-- If the identity was deleted and created again, its client id has changed, and the old user no longer works.
IF EXISTS (SELECT 1 FROM sys.database_principals WHERE name = @User AND sid <> @Sid)
BEGIN
  SET @Sql = N'DROP USER ' + QUOTENAME(@User);
  EXEC (@Sql);
END;

IF EXISTS (SELECT 1 FROM sys.database_principals WHERE sid = @Sid)
  SELECT @User = name FROM sys.database_principals WHERE sid = @Sid;
ELSE
BEGIN
  SET @Sql = N'CREATE USER ' + QUOTENAME(@User) + N' WITH SID = ' + CONVERT(nvarchar(40), @Sid, 1) + N', TYPE = E';
  EXEC (@Sql);
END;

SET @Sql = N'ALTER ROLE ' + QUOTENAME(@Role) + N' ADD MEMBER ' + QUOTENAME(@User);
EXEC (@Sql);
