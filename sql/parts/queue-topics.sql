-- Messages that are found by their topic: throttled ones (Q4) and parked ones (D4). Both procedures walk over the
-- topics of an index that begins with InGroup, Topic and Source, with a seek for each topic and source. Internal.
-- Topics are compared case-insensitively, sources exactly; an entry without a source stands for all sources.
--
-- There are few topics and sources, but a faulty producer may create any number of them. So one call walks over
-- at most 200 throttled or 1,000 parked ones. @After, a JSON array of one {"topic":"…", "source":"…"}, is where it has stopped; null: it came to all of them. The
-- next call begins behind @After. After the last topic it goes on with the first, until it is back.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Puts the oldest throttled messages back into the index of due messages: as many as @Rooms says there is room for, and
-- no more than a claim of @Limit messages needs. The topics and sources that use one entry's room share it. Lowers
-- @FromUtc to the first of the messages. Sets @More to 1 if another call may put more back. A message that has become a
-- follower, because one before it was replayed, is blocked instead and uses no room.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_PutBack]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_PutBack] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_PutBack]
  @Rooms nvarchar(max),
  @Limit int,
  @FromUtc datetime2(3) OUTPUT,
  @After nvarchar(max) OUTPUT,
  @More bit OUTPUT
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Topic nvarchar(200), @Source nvarchar(200), @Next nvarchar(200), @NextSource nvarchar(200);
DECLARE @Start nvarchar(200), @StartSource nvarchar(200), @IsBehindEnd bit = 0;
DECLARE @RoomId int, @Count int, @Window int, @Latest datetime2(3), @Walked int = 0, @Follows bit = 0, @Blocked int = 0;
-- One message more than the claim takes stays in the index, and shows that there are more.
DECLARE @Most int = CASE WHEN @Limit < 4000 THEN @Limit + 1 ELSE 4000 END;
-- By the entry of @Rooms whose room they use; 0 for all topics without a limit.
DECLARE @Back TABLE (RoomId int NOT NULL, DueUtc datetime2(3) NOT NULL, Sequence bigint NOT NULL, PRIMARY KEY (RoomId, DueUtc, Sequence));
-- The oldest messages of one topic and source.
DECLARE @Read TABLE (Sequence bigint NOT NULL PRIMARY KEY, DueUtc datetime2(3) NOT NULL, Follows bit NOT NULL);
:r parts/queue-rooms.sql
SELECT @Topic = topic, @Source = source, @Start = topic, @StartSource = source
FROM OPENJSON(@After) WITH (topic nvarchar(4000) '$.topic', source nvarchar(4000) '$.source');
WHILE @Walked < 200
BEGIN
  SELECT @Next = NULL, @Walked = @Walked + 1;
  SELECT TOP (1) @Next = Topic, @NextSource = Source FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
  WHERE Status = 0 AND Blocked = 2 AND InGroup = 1 AND Topic = @Topic AND Source > @Source ORDER BY Source;
  IF @Topic IS NULL
    SELECT TOP (1) @Next = Topic, @NextSource = Source FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Blocked = 2 AND InGroup = 1 ORDER BY Topic, Source;
  ELSE IF @Next IS NULL
    SELECT TOP (1) @Next = Topic, @NextSource = Source FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Blocked = 2 AND InGroup = 1 AND Topic > @Topic ORDER BY Topic, Source;
:r parts/queue-walk-end.sql
  SELECT @RoomId = 0, @Count = @Most, @Latest = DATEFROMPARTS(9999, 12, 31);
  SELECT TOP (1) @RoomId = Id, @Count = CASE WHEN Room < @Most THEN Room ELSE @Most END FROM @Room
  WHERE Topic = LOWER(@Next COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2 AND Source IN (@NextSource, N'')
  ORDER BY CASE WHEN Source = @NextSource THEN 0 ELSE 1 END;
  DELETE FROM @Read;
  IF @Count > 0
  BEGIN
    -- The messages of the topics and sources before leave no room for later ones.
    SELECT @Latest = DueUtc FROM @Back WHERE RoomId = @RoomId
    ORDER BY DueUtc, Sequence OFFSET @Count - 1 ROWS FETCH NEXT 1 ROWS ONLY;
    SET @Window = CASE WHEN @Follows = 1 AND @Count < 1000 THEN 1000 ELSE @Count END;
    INSERT @Read (Sequence, DueUtc, Follows)
    SELECT q.Sequence, q.DueUtc, CASE WHEN
:r parts/queue-is-follower.sql
      THEN 1 ELSE 0 END
    FROM (
      SELECT TOP (@Window) Sequence, DueUtc, OrderingHash FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
      WHERE Status = 0 AND Blocked = 2 AND InGroup = 1 AND Topic = @Next AND Source = @NextSource AND DueUtc <= @Latest
      ORDER BY DueUtc, Sequence
    ) q;
  END;
  SET @Follows = 0;
  IF EXISTS (SELECT 1 FROM @Read WHERE Follows = 1)
  BEGIN
    UPDATE q SET Blocked = 1 FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)
    WHERE Sequence IN (SELECT Sequence FROM @Read WHERE Follows = 1);
    -- The walk is shorter, to bound the locks of one call. Many of these may be in a row, so the next step reads more.
    SELECT @Walked = @Walked + @@ROWCOUNT / 20, @Blocked = 1, @Follows = 1;
    IF (SELECT COUNT(*) FROM @Read WHERE Follows = 0) < @Count CONTINUE;
    SET @Follows = 0;
  END;
  INSERT @Back (RoomId, DueUtc, Sequence)
  SELECT TOP (@Count) @RoomId, DueUtc, Sequence FROM @Read WHERE Follows = 0 ORDER BY DueUtc, Sequence;
  SELECT @Topic = @Next, @Source = @NextSource;
END;
DELETE FROM @Back WHERE Sequence NOT IN (
  SELECT TOP (@Most) n.Sequence
  FROM (SELECT RoomId, DueUtc, Sequence, ROW_NUMBER() OVER (PARTITION BY RoomId ORDER BY DueUtc, Sequence) AS Nth FROM @Back) n
    LEFT JOIN @Room r ON r.Id = n.RoomId
  WHERE n.Nth <= COALESCE(r.Room, @Most) ORDER BY n.DueUtc, n.Sequence);
UPDATE q SET Blocked = 0 FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) WHERE Sequence IN (SELECT Sequence FROM @Back);
SET @Count = @@ROWCOUNT;
SELECT @FromUtc = MIN(d.DueUtc) FROM (SELECT @FromUtc AS DueUtc UNION ALL SELECT DueUtc FROM @Back) d;
-- If a call that did not come to all of them found nothing either, the next one can wait until a message has ended.
IF @Count = @Most OR (@Next IS NOT NULL AND (@Count > 0 OR @Blocked = 1)) SET @More = 1;
SET @After = NULL;
IF @Next IS NOT NULL AND @Topic IS NOT NULL SET @After = (SELECT @Topic AS topic, @Source AS source FOR JSON PATH);
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
  @More bit OUTPUT,
  @After nvarchar(max) OUTPUT
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Topic nvarchar(200), @Source nvarchar(200), @Next nvarchar(200), @NextSource nvarchar(200);
DECLARE @Start nvarchar(200), @StartSource nvarchar(200), @IsBehindEnd bit = 0;
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
SELECT @Topic = topic, @Source = source, @Start = topic, @StartSource = source
FROM OPENJSON(@After) WITH (topic nvarchar(4000) '$.topic', source nvarchar(4000) '$.source');
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
:r parts/queue-walk-end.sql
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
-- Some may be left in these topics, so the next call looks at them again.
IF @MakeDue = 1 AND @Left = 0 RETURN;
SET @After = NULL;
IF @Next IS NOT NULL AND @Topic IS NOT NULL SET @After = (SELECT @Topic AS topic, @Source AS source FOR JSON PATH);
GO
