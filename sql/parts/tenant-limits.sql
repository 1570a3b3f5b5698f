-- Part of Tenant_Add and Tenant_Change: checks the definition.
IF DATALENGTH(SUBSTRING(@Id COLLATE Latin1_General_100_BIN2, 65, 1)) > 0
  OR DATALENGTH(SUBSTRING(@Server COLLATE Latin1_General_100_BIN2, 257, 1)) > 0
  OR DATALENGTH(SUBSTRING(@DatabaseName COLLATE Latin1_General_100_BIN2, 1001, 1)) > 0
  OR DATALENGTH(SUBSTRING(@DatabaseKey COLLATE Latin1_General_100_BIN2, 1401, 1)) > 0
  OR DATALENGTH(SUBSTRING(@Auth COLLATE Latin1_General_100_BIN2, 401, 1)) > 0
  OR DATALENGTH(SUBSTRING(@SchemaName COLLATE Latin1_General_100_BIN2, 118, 1)) > 0
  THROW 51026, N'A value is too long; the limits, in characters, are: @Id 64, @Server 256, @DatabaseName 1,000, @DatabaseKey 1,400, @Auth 400, @SchemaName 117.', 1;
IF @Auth IS NULL OR ISJSON(@Auth) = 0 OR @Tags IS NULL OR ISJSON(@Tags) = 0 OR @Overrides IS NULL OR ISJSON(@Overrides) = 0
  THROW 51025, N'@Auth, @Tags and @Overrides must be JSON objects.', 1;
IF DATALENGTH(LTRIM(RTRIM(@Id))) <> DATALENGTH(@Id) THROW 51024, N'@Id must not begin or end with a blank.', 1;
