-- Messages that are found by their topic: throttled ones (Q4) and parked ones (D4). Both procedures walk over the
-- topics of an index that begins with InGroup, Topic and Source, with a seek for each topic and source; there are few.
-- Internal.
-- Topics are compared case-insensitively, sources exactly; an entry without a source stands for all sources.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Puts the oldest throttled messages of each topic back into the index of due messages: as many as @Rooms says there
-- is room for, and @Limit at most. Lowers @FromUtc to the first of them. A message that has become a follower, because
-- one before it was replayed, is blocked instead and uses no room.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_PutBack]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_PutBack] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_PutBack]
  @Rooms nvarchar(max),
  @Limit int,
  @FromUtc datetime2(3) OUTPUT
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Topic nvarchar(200), @Source nvarchar(200), @Next nvarchar(200), @NextSource nvarchar(200);
DECLARE @Count int, @Walked int = 0, @Follows int = 0;
DECLARE @Back TABLE (Sequence bigint NOT NULL PRIMARY KEY, DueUtc datetime2(3) NOT NULL);
-- The oldest messages of one topic and source.
DECLARE @Read TABLE (Sequence bigint NOT NULL PRIMARY KEY, DueUtc datetime2(3) NOT NULL, Follows bit NOT NULL);
:r parts/queue-rooms.sql
WHILE @Walked < 1000
BEGIN
  SELECT @Next = NULL, @Walked = @Walked + 1;
  IF @Follows > 0 SELECT @Next = @Topic, @NextSource = @Source;
  ELSE
    SELECT TOP (1) @Next = Topic, @NextSource = Source FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Blocked = 2 AND InGroup = 1 AND Topic = @Topic AND Source > @Source ORDER BY Source;
  IF @Topic IS NULL
    SELECT TOP (1) @Next = Topic, @NextSource = Source FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Blocked = 2 AND InGroup = 1 ORDER BY Topic, Source;
  ELSE IF @Next IS NULL
    SELECT TOP (1) @Next = Topic, @NextSource = Source FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Blocked = 2 AND InGroup = 1 AND Topic > @Topic ORDER BY Topic, Source;
  IF @Next IS NULL BREAK;
  SELECT @Topic = @Next, @Source = @NextSource, @Count = @Limit, @Follows = 0;
  SELECT TOP (1) @Count = CASE WHEN Room < @Limit THEN Room ELSE @Limit END FROM @Room
  WHERE Topic = LOWER(@Topic COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2 AND Source IN (@Source, N'')
  ORDER BY CASE WHEN Source = @Source THEN 0 ELSE 1 END;
  DELETE FROM @Read;
  INSERT @Read (Sequence, DueUtc, Follows)
  SELECT w.Sequence, w.DueUtc, CASE WHEN w.OrderingHash IS NOT NULL AND (
      EXISTS (
        SELECT 1 FROM [$(Schema)].[$(Queue)] l WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
        WHERE l.OrderingHash = w.OrderingHash AND l.InGroup = 1 AND l.OrderingKey IS NOT NULL AND l.Sequence < w.Sequence)
      OR EXISTS (
        SELECT 1 FROM [$(Schema)].[$(Queue)] c WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
        WHERE c.OrderingHash = w.OrderingHash AND c.Status = 1 AND c.InGroup = 1))
    THEN 1 ELSE 0 END
  FROM (
    SELECT TOP (@Count) Sequence, DueUtc, OrderingHash FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Blocked = 2 AND InGroup = 1 AND Topic = @Topic AND Source = @Source ORDER BY DueUtc, Sequence
  ) w;
  IF EXISTS (SELECT 1 FROM @Read WHERE Follows = 1)
  BEGIN
    -- Without these, the next step reads the same topic and source again; a few times in a call, to bound its locks.
    UPDATE q SET Blocked = 1 FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)
    WHERE Sequence IN (SELECT Sequence FROM @Read WHERE Follows = 1);
    SELECT @Follows = @@ROWCOUNT, @Walked = @Walked + 99;
  END;
  ELSE INSERT @Back (Sequence, DueUtc) SELECT Sequence, DueUtc FROM @Read;
END;
UPDATE q SET Blocked = 0 FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) WHERE Sequence IN (SELECT Sequence FROM @Back);
SELECT @FromUtc = MIN(d.DueUtc) FROM (SELECT @FromUtc AS DueUtc UNION ALL SELECT DueUtc FROM @Back) d;
GO
-- Finds the parked messages of the topics in @Handled, a JSON array of {"topic":"…"} or {"topic":"…", "source":"…"}.
-- With @MakeDue they become due at @Now, at most 4,000 in a call; @More says whether some are left. @Topics is a JSON
-- array of the other topics that have parked messages, at most 20: [{"topic":"…"}], or null.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Unpark]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Unpark] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_Unpark]
  @Handled nvarchar(max),
  @MakeDue bit,
  @Now datetime2(3),
  @Topics nvarchar(max) OUTPUT,
  @More bit OUTPUT
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Topic nvarchar(200), @Source nvarchar(200), @Next nvarchar(200), @NextSource nvarchar(200);
DECLARE @Left int = CASE WHEN @MakeDue = 1 THEN 4000 ELSE 1 END, @Walked int = 0;
DECLARE @Known TABLE (
  Topic nvarchar(4000) COLLATE Latin1_General_100_BIN2 NULL,
  Source nvarchar(4000) COLLATE Latin1_General_100_BIN2 NOT NULL
);
DECLARE @Due TABLE (Sequence bigint NOT NULL PRIMARY KEY);
DECLARE @Other TABLE (Topic nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL);
INSERT @Known (Topic, Source)
SELECT LOWER(topic COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2, COALESCE(source, N'')
FROM OPENJSON(@Handled) WITH (topic nvarchar(4000) '$.topic', source nvarchar(4000) '$.source');
WHILE @Walked < 1000
BEGIN
  SELECT @Next = NULL, @Walked = @Walked + 1;
  SELECT TOP (1) @Next = Topic, @NextSource = Source FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
  WHERE Status = 0 AND Parks > 0 AND InGroup = 1 AND Topic = @Topic AND Source > @Source ORDER BY Source;
  IF @Topic IS NULL
    SELECT TOP (1) @Next = Topic, @NextSource = Source FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Parks > 0 AND InGroup = 1 ORDER BY Topic, Source;
  ELSE IF @Next IS NULL
    SELECT TOP (1) @Next = Topic, @NextSource = Source FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Parks > 0 AND InGroup = 1 AND Topic > @Topic ORDER BY Topic, Source;
  IF @Next IS NULL BREAK;
  SELECT @Topic = @Next, @Source = @NextSource;
  IF EXISTS (
    SELECT 1 FROM @Known
    WHERE Topic = LOWER(@Topic COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2 AND Source IN (@Source, N''))
  BEGIN
    INSERT @Due (Sequence)
    SELECT TOP (@Left) Sequence FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Parks > 0 AND InGroup = 1 AND Topic = @Topic AND Source = @Source AND DueUtc > @Now ORDER BY DueUtc, Sequence;
    SET @Left = @Left - @@ROWCOUNT;
  END;
  ELSE IF (SELECT COUNT(*) FROM @Other) < 20 AND NOT EXISTS (SELECT 1 FROM @Other WHERE Topic = @Topic)
    INSERT @Other (Topic) VALUES (@Topic);
END;
IF @MakeDue = 1
  UPDATE q SET DueUtc = @Now, DueSetUtc = @Now FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) WHERE Sequence IN (SELECT Sequence FROM @Due);
SET @More = CASE WHEN @Left = 0 THEN 1 ELSE 0 END;
SET @Topics = (SELECT Topic AS topic FROM @Other FOR JSON PATH);
GO
