-- Decodes a JSON string that OPENJSON returned. SQL Server returns the plain text. Babelfish 4 removes the
-- quotes but leaves the escapes in the text. A caller tests once which of the two it gets, and decodes only
-- texts with escapes:
--
--   DECLARE @Raw bit = CASE WHEN LEN(JSON_VALUE(N'["\""]', N'$[0]')) = 1 THEN 0 ELSE 1 END;
--   … CASE WHEN @Raw = 1 THEN [$(Schema)].[JsonText](topic) ELSE topic END …
--
-- Comparisons are by code point, because a linguistic collation may treat an escape and the characters after
-- it as something else.
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
  -- First replace doubled backslashes by \z, which is not a JSON escape; otherwise the second backslash would
  -- seem to begin an escape.
  DECLARE @Text nvarchar(max) = REPLACE(@Value COLLATE Latin1_General_100_BIN2, N'\\', N'\z');
  DECLARE @Code int = 1;
  SET @Text = REPLACE(@Text COLLATE Latin1_General_100_BIN2, N'\"', N'"');
  -- Most JSON has no other escapes, so it is decoded here.
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
