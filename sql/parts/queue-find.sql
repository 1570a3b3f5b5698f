-- Finds messages for people, without their payloads.
--
-- A search follows a walk (@Walk), which is an index, or the table in the order of Sequence. It examines at most @Examine
-- messages of the walk behind a place (@After and, where the walk is by SettledUtc, @AfterSettled), and returns those that
-- meet all conditions. So a call takes a limited time however many messages there are, and the next call goes on where this
-- one ended. All times are milliseconds since 1970.
--
-- Locks: rows that another transaction is changing are skipped, so a search waits for nobody. With @Wait it skips only what
-- producers have not committed: it first locks the row of the queue's lease, as the calls that change messages do
-- (queue-settle-and-claim.sql), so that none of them has locked a message while the walk is read. The messages of the walk are
-- then committed ones, and a read of them waits for one call at most, or for a handler that commits: 10 seconds for each lock.
--
-- The conditions may be null, so their statement is compiled for the given ones at each call (OPTION (RECOMPILE)): only people
-- call it, and rarely. A payload is read only if @PayloadText is given.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Returns one row, Examined, the place of the last message examined and IsCut, and then the messages; with @CountOnly, their
-- number. A search for @PayloadText ends its part at the message with which the contents have @ExamineBytes; IsCut says so.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Find]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Find] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_Find]
  @Walk nvarchar(20) = N'all',
  @Limit int = 100,
  @Examine int = 1000,
  @CountOnly bit = 0,
  @After bigint = NULL,
  @AfterSettled bigint = NULL,
  -- 1 Ready, 2 Claimed, 4 Done, 8 Dead, 16 cancelled, and sums of these.
  @States int = 31,
  @MessageIds nvarchar(max) = NULL,
  @Topic nvarchar(4000) = NULL,
  @OrderingKey nvarchar(4000) = NULL,
  @DedupKey nvarchar(4000) = NULL,
  @CorrelationId nvarchar(4000) = NULL,
  @Source nvarchar(4000) = NULL,
  @ErrorText nvarchar(4000) = NULL,
  @PayloadText nvarchar(4000) = NULL,
  @EnqueuedFrom bigint = NULL,
  @EnqueuedBefore bigint = NULL,
  @OlderThanMs bigint = 0,
  @ExamineBytes bigint = 9007199254740991,
  @Wait bit = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'Messages cannot be searched inside a transaction; commit or roll back first.', 1;
IF @Walk IS NULL OR @Walk NOT IN (N'ids', N'dedup-key', N'dead', N'done', N'claimed', N'group', N'all')
  THROW 51005, N'@Walk must be ids, dedup-key, dead, done, claimed, group or all.', 1;
IF COALESCE(@Limit, -1) < 0 OR COALESCE(@Examine, 0) < 1 OR COALESCE(@ExamineBytes, 0) < 1
  THROW 51027, N'@Limit must be 0 or more, and @Examine and @ExamineBytes 1 or more.', 1;
IF @AfterSettled NOT BETWEEN -62135596800000 AND 253402300799999 OR @EnqueuedFrom NOT BETWEEN -62135596800000 AND 253402300799999
  OR @EnqueuedBefore NOT BETWEEN -62135596800000 AND 253402300799999
  THROW 51027, N'A time must be milliseconds since 1970, of the years 1 to 9999.', 1;
IF COALESCE(@OlderThanMs, -1) NOT BETWEEN 0 AND 1500000000000
  THROW 51027, N'@OlderThanMs must be milliseconds from 0 to 1500000000000.', 1;
IF ISJSON(@MessageIds) = 0 THROW 51025, N'@MessageIds must be a JSON array of UUIDs.', 1;
-- T-SQL's = ignores trailing blanks. No topic ends with one; the empty text is no topic, so it selects nothing.
IF DATALENGTH(RTRIM(@Topic)) <> DATALENGTH(@Topic) SET @Topic = LEFT(@Topic, 0);
DECLARE @Id TABLE (MessageId uniqueidentifier NOT NULL PRIMARY KEY);
IF @MessageIds IS NOT NULL
BEGIN
  IF EXISTS (SELECT 1 FROM OPENJSON(@MessageIds) WHERE value IS NULL OR LEN(value) <> 36 OR TRY_CAST(value AS uniqueidentifier) IS NULL)
    THROW 51025, N'@MessageIds must be a JSON array of UUIDs.', 1;
  INSERT @Id (MessageId) SELECT DISTINCT TRY_CAST(value AS uniqueidentifier) FROM OPENJSON(@MessageIds);
END;
DECLARE @Epoch datetime2(3) = DATEFROMPARTS(1970, 1, 1), @Descends bit = CASE WHEN @Walk IN (N'done', N'claimed', N'all') THEN 1 ELSE 0 END;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
DECLARE @FromUtc datetime2(3) = DATEADD(millisecond, CAST(@EnqueuedFrom % 86400000 AS int), DATEADD(day, CAST(@EnqueuedFrom / 86400000 AS int), @Epoch)),
  @BeforeUtc datetime2(3) = DATEADD(millisecond, CAST(@EnqueuedBefore % 86400000 AS int), DATEADD(day, CAST(@EnqueuedBefore / 86400000 AS int), @Epoch)),
  @AfterUtc datetime2(3) = DATEADD(millisecond, CAST(@AfterSettled % 86400000 AS int), DATEADD(day, CAST(@AfterSettled / 86400000 AS int), @Epoch)),
  @Since datetime2(3) = DATEADD(millisecond, -CAST(@OlderThanMs % 1000 AS int), DATEADD(second, -CAST(@OlderThanMs / 1000 AS int), @Now));
DECLARE @OrderingHash binary(32) = HASHBYTES('SHA2_256', @OrderingKey), @DedupHash binary(32) = HASHBYTES('SHA2_256', @DedupKey);
IF @After IS NULL
  SELECT @After = CASE WHEN @Descends = 1 THEN 9007199254740991 ELSE 0 END,
    @AfterUtc = CASE WHEN @Descends = 1 THEN DATEFROMPARTS(9999, 12, 31) ELSE DATEFROMPARTS(1, 1, 1) END;
DECLARE @LeaseName nvarchar(200) = N'queue:$(QueueName)', @IsCut bit = 0;
IF @Wait = 1
BEGIN
  EXEC [$(Schema)].[Lease_Ensure] @LeaseName;
  BEGIN TRANSACTION;
  -- This update changes no value; it only locks the row.
  UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE NameHash = HASHBYTES('SHA2_256', @LeaseName);
END;
-- The numbers of an identity column follow the ORDER BY.
DECLARE @Examined TABLE (Ordinal int IDENTITY(1, 1) NOT NULL PRIMARY KEY, Sequence bigint NOT NULL, SettledUtc datetime2(3) NULL);
IF @Walk = N'ids'
  INSERT @Examined (Sequence)
  SELECT TOP (@Examine) q.Sequence FROM @Id i JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) ON q.MessageId = i.MessageId
  WHERE q.Sequence > @After ORDER BY q.Sequence;
IF @Walk = N'dedup-key'
  INSERT @Examined (Sequence)
  SELECT TOP (@Examine) Sequence FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
  WHERE DedupHash = @DedupHash AND DedupKey IS NOT NULL AND Sequence > @After ORDER BY Sequence;
IF @Walk = N'group'
  INSERT @Examined (Sequence)
  SELECT TOP (@Examine) Sequence FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
  WHERE OrderingHash = @OrderingHash AND InGroup = 1 AND OrderingKey IS NOT NULL AND Sequence > @After ORDER BY Sequence;
IF @Walk = N'claimed'
  INSERT @Examined (Sequence)
  SELECT TOP (@Examine) Sequence FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
  WHERE Status = 1 AND InGroup = 1 AND Sequence < @After ORDER BY Sequence DESC;
IF @Walk = N'all'
  INSERT @Examined (Sequence)
  SELECT TOP (@Examine) Sequence FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
  WHERE Sequence < @After ORDER BY Sequence DESC;
IF @Walk = N'dead'
  INSERT @Examined (Sequence, SettledUtc)
  SELECT TOP (@Examine) Sequence, SettledUtc FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
  WHERE Status = 3 AND SettledUtc >= @AfterUtc AND (SettledUtc > @AfterUtc OR Sequence > @After) ORDER BY SettledUtc, Sequence;
IF @Walk = N'done'
  INSERT @Examined (Sequence, SettledUtc)
  SELECT TOP (@Examine) Sequence, SettledUtc FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
  WHERE Status = 2 AND SettledUtc <= @AfterUtc AND (SettledUtc < @AfterUtc OR Sequence < @After) ORDER BY SettledUtc DESC, Sequence DESC;
IF @Wait = 1 COMMIT;
IF @PayloadText IS NOT NULL
BEGIN
  DELETE FROM @Examined WHERE Ordinal > 1 + (
    SELECT COUNT(*)
    FROM (
      SELECT SUM(q.ContentBytes) OVER (ORDER BY x.Ordinal ROWS UNBOUNDED PRECEDING) AS Running
      FROM @Examined x JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) ON q.Sequence = x.Sequence
    ) r
    WHERE r.Running < @ExamineBytes);
  IF @@ROWCOUNT > 0 SET @IsCut = 1;
END;
DECLARE @Count int = (SELECT COUNT(*) FROM @Examined);
SELECT @Count AS Examined, @IsCut AS IsCut, l.Sequence, l.SettledUtc FROM (SELECT @Count AS Ordinal) n LEFT JOIN @Examined l ON l.Ordinal = n.Ordinal;
IF @CountOnly = 1 AND @Wait = 1
  SELECT COUNT(*) AS Matching FROM @Examined x JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK) ON q.Sequence = x.Sequence
  WHERE
:r parts/queue-matches.sql
  OPTION (RECOMPILE);
ELSE IF @CountOnly = 1
  SELECT COUNT(*) AS Matching FROM @Examined x JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) ON q.Sequence = x.Sequence
  WHERE
:r parts/queue-matches.sql
  OPTION (RECOMPILE);
ELSE IF @Wait = 1
  SELECT TOP (@Limit)
:r parts/queue-found.sql
  FROM @Examined x JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK) ON q.Sequence = x.Sequence
  WHERE
:r parts/queue-matches.sql
  ORDER BY x.Ordinal
  OPTION (RECOMPILE);
ELSE
  SELECT TOP (@Limit)
:r parts/queue-found.sql
  FROM @Examined x JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) ON q.Sequence = x.Sequence
  WHERE
:r parts/queue-matches.sql
  ORDER BY x.Ordinal
  OPTION (RECOMPILE);
GO
