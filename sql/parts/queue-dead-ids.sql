-- Part of a procedure: parses the ids in @MessageIds once, into @Id, and checks @OlderThanMs
-- and @Topic.
IF COALESCE(@OlderThanMs, -1) NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@OlderThanMs must be milliseconds from 0 to 1500000000000.', 1;
IF ISJSON(@MessageIds) = 0 THROW 51025, N'@MessageIds must be a JSON array of UUIDs.', 1;
IF @MessageIds IS NOT NULL
BEGIN
  IF EXISTS (SELECT 1 FROM OPENJSON(@MessageIds) WHERE value IS NULL OR LEN(value) <> 36 OR TRY_CAST(value AS uniqueidentifier) IS NULL)
    THROW 51025, N'@MessageIds must be a JSON array of UUIDs.', 1;
  INSERT @Id (MessageId) SELECT DISTINCT TRY_CAST(value AS uniqueidentifier) FROM OPENJSON(@MessageIds);
END;
-- T-SQL's = ignores trailing blanks. No topic ends with one; the empty text is no topic, so it selects nothing.
IF DATALENGTH(RTRIM(@Topic)) <> DATALENGTH(@Topic) SET @Topic = LEFT(@Topic, 0);
