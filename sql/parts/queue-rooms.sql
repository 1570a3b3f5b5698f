-- Part of a procedure: reads @Rooms, a JSON array of {"topic":"…", "room":3} or {"topic":"…", "source":"…", "room":3}.
DECLARE @Room TABLE (
  Id int IDENTITY(1, 1) NOT NULL PRIMARY KEY,
  Topic nvarchar(4000) COLLATE Latin1_General_100_BIN2 NULL,
  -- Empty: each source that has no entry of its own.
  Source nvarchar(4000) COLLATE Latin1_General_100_BIN2 NOT NULL,
  Room int NULL
);
IF @Rooms IS NOT NULL
  INSERT @Room (Topic, Source, Room)
  SELECT LOWER(topic COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2, COALESCE(source, N''), TRY_CAST(room AS int)
  FROM OPENJSON(@Rooms) WITH (topic nvarchar(4000) '$.topic', source nvarchar(4000) '$.source', room nvarchar(40) '$.room');
