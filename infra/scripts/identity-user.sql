-- The user of the app's managed identity in this database, in the role that its work takes: <schema>_dispatcher, which both
-- the registry and tenant databases have. For sqlcmd, with the variables UserName, ClientId and Schema; may be run again. A user
-- made from the client id needs no look-up in the directory, by nobody.
SET NOCOUNT ON;
SET XACT_ABORT ON;

DECLARE @User sysname = N'$(UserName)';
DECLARE @Role sysname = N'$(Schema)_dispatcher';
DECLARE @Sid varbinary(16) = CAST(CAST('$(ClientId)' AS uniqueidentifier) AS varbinary(16));
DECLARE @Sql nvarchar(max);

IF DATABASE_PRINCIPAL_ID(@Role) IS NULL
BEGIN
  RAISERROR (N'There is no role %s: bring the database to the schema first (multi-outbox migrate).', 16, 1, @Role);
  RETURN;
END;

-- An identity that was deleted and made anew has another client id: the old user lets nobody in any more.
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
