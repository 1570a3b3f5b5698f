-- The user of the app's managed identity in this database, and its roles. For sqlcmd, with the variables UserName and ClientId;
-- may be run again. A user made from the client id needs no look-up in the directory, by nobody.
SET NOCOUNT ON;
SET XACT_ABORT ON;

DECLARE @User sysname = N'$(UserName)';
DECLARE @Sid varbinary(16) = CAST(CAST('$(ClientId)' AS uniqueidentifier) AS varbinary(16));
DECLARE @Sql nvarchar(max);

-- An identity that was deleted and made anew has another client id: the old user lets nobody in any more.
IF EXISTS (SELECT 1 FROM sys.database_principals WHERE name = @User AND sid <> @Sid)
BEGIN
  SET @Sql = N'DROP USER ' + QUOTENAME(@User);
  EXEC (@Sql);
END;

IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE sid = @Sid)
BEGIN
  SET @Sql = N'CREATE USER ' + QUOTENAME(@User) + N' WITH SID = ' + CONVERT(nvarchar(40), @Sid, 1) + N', TYPE = E';
  EXEC (@Sql);
END;
