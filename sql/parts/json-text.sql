-- A JSON string as OPENJSON gives it. SQL Server gives the text; Babelfish 4 gives it with its escapes still in it,
-- though without the quotes. A caller asks once which it is, and takes the escapes out where they are:
--
--   DECLARE @Raw bit = CASE WHEN LEN(JSON_VALUE(N'["\""]', N'$[0]')) = 1 THEN 0 ELSE 1 END;
--   … CASE WHEN @Raw = 1 THEN [$(Schema)].[JsonText](topic) ELSE topic END …
--
-- Compared by code point, since a linguistic collation may take an escape and what follows it for something else.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
IF OBJECT_ID(N'[$(Schema)].[JsonText]', N'FN') IS NULL EXEC(N'CREATE FUNCTION [$(Schema)].[JsonText] (@Value nvarchar(max)) RETURNS nvarchar(max) AS BEGIN RETURN @Value; END');
GO
ALTER FUNCTION [$(Schema)].[JsonText] (@Value nvarchar(max))
RETURNS nvarchar(max)
AS
BEGIN
  IF @Value IS NULL OR CHARINDEX(N'\' COLLATE Latin1_General_100_BIN2, @Value) = 0 RETURN @Value;
  -- Backslashes first, as \z, which no escape is: what follows one must not be taken for an escape.
  DECLARE @Text nvarchar(max) = REPLACE(@Value COLLATE Latin1_General_100_BIN2, N'\\', N'\z');
  DECLARE @Code int = 1;
  SET @Text = REPLACE(@Text COLLATE Latin1_General_100_BIN2, N'\"', N'"');
  -- So much for most JSON.
  IF CHARINDEX(N'\' COLLATE Latin1_General_100_BIN2, @Text) = 0 RETURN @Text;
  SET @Text = REPLACE(@Text COLLATE Latin1_General_100_BIN2, N'\n', NCHAR(10));
  SET @Text = REPLACE(@Text COLLATE Latin1_General_100_BIN2, N'\r', NCHAR(13));
  SET @Text = REPLACE(@Text COLLATE Latin1_General_100_BIN2, N'\t', NCHAR(9));
  SET @Text = REPLACE(@Text COLLATE Latin1_General_100_BIN2, N'\b', NCHAR(8));
  SET @Text = REPLACE(@Text COLLATE Latin1_General_100_BIN2, N'\f', NCHAR(12));
  SET @Text = REPLACE(@Text COLLATE Latin1_General_100_BIN2, N'\/', N'/');
  WHILE @Code < 32 AND CHARINDEX(N'\u00' COLLATE Latin1_General_100_BIN2, @Text) > 0
  BEGIN
    SET @Text = REPLACE(@Text COLLATE Latin1_General_100_BIN2,
      N'\u00' + SUBSTRING(N'01', 1 + @Code / 16, 1) + SUBSTRING(N'0123456789abcdef', 1 + @Code % 16, 1), NCHAR(@Code));
    SET @Code = @Code + 1;
  END;
  RETURN REPLACE(@Text COLLATE Latin1_General_100_BIN2, N'\z', N'\');
END;
GO
