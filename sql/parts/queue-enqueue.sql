-- Storing messages (Q3), from any language, inside the caller's transaction or without one.
--
-- These procedures never commit or roll back a transaction that they did not begin. They run with XACT_ABORT OFF: two
-- producers of one DedupKey meet at the unique index, and the second one's error 2627 must not doom the transaction it
-- is caught in. Every other error is thrown on, and the caller's transaction is the caller's to end.
--
-- Locks: the new rows, until the caller's transaction ends; a producer of the same MessageId or DedupKey waits for it.
-- Nothing else is waited for: not a claim, not another producer. Nothing that waits for a producer holds a lock that a
-- producer wants, so there is no deadlock with the procedures of a run.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Stores one message. @MessageId: the caller's own id, or null for a new one; afterwards the id of the stored message,
-- which for a duplicate is the first one's. A message id or dedup key seen before makes the call a no-op. @Source: whose
-- dedup key it is; what a webhook receiver passes, empty for the application's own. Where @Hash, which stands for the
-- content, differs from the first message's, @Conflict is 1 and the message is kept as Dead, once for each hash (I2).
-- Neither may begin or end with a blank.
--
--   DECLARE @Id uniqueidentifier;
--   EXEC [$(Schema)].[$(Queue)_Enqueue] @Topic = N'order.placed', @Payload = N'{"order":17}', @MessageId = @Id OUTPUT;
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Enqueue]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Enqueue] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_Enqueue]
  @Topic nvarchar(200),
  @Payload nvarchar(max),
  @OrderingKey nvarchar(200) = NULL,
  @DedupKey nvarchar(200) = NULL,
  @CorrelationId nvarchar(200) = NULL,
  -- A JSON object of strings.
  @Headers nvarchar(max) = NULL,
  -- Milliseconds from now until the message is due (Q2).
  @DelayMs bigint = 0,
  @MessageId uniqueidentifier = NULL OUTPUT,
  @Duplicate bit = 0 OUTPUT,
  @PayloadEscaped bit = 0,
  @Source nvarchar(200) = N'',
  @Hash nvarchar(200) = NULL,
  @Conflict bit = 0 OUTPUT
AS
SET NOCOUNT ON;
SET XACT_ABORT OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
-- = and the unique index take text with and without blanks at its end for the same.
IF DATALENGTH(LTRIM(RTRIM(@Source))) <> DATALENGTH(@Source) OR DATALENGTH(LTRIM(RTRIM(@Hash))) <> DATALENGTH(@Hash)
  THROW 51024, N'@Source and @Hash must not begin or end with a blank.', 1;
IF @Topic IS NULL OR LEN(@Topic) = 0 THROW 51020, N'A message needs a topic of 1 to 200 characters.', 1;
IF @Payload IS NULL THROW 51021, N'A message needs a payload; an empty text is one.', 1;
IF @DelayMs IS NULL OR @DelayMs < 0 OR @DelayMs > 1500000000000
  THROW 51022, N'@DelayMs must be milliseconds from 0 to 1500000000000.', 1;
IF @Headers IS NOT NULL AND ISJSON(@Headers) = 0 THROW 51023, N'@Headers must be a JSON object of strings.', 1;
DECLARE @Now datetime2(3) = SYSUTCDATETIME(), @DedupHash binary(32) = HASHBYTES('SHA2_256', @DedupKey);
DECLARE @Id uniqueidentifier = COALESCE(@MessageId, NEWID()), @First uniqueidentifier, @ConflictKey nvarchar(401);
SELECT TOP (1) @First = MessageId FROM (
  SELECT Sequence, MessageId FROM [$(Schema)].[$(Queue)] WHERE MessageId = @Id
  UNION ALL
  SELECT Sequence, MessageId FROM [$(Schema)].[$(Queue)] WHERE DedupHash = @DedupHash AND Source = @Source AND DedupKey IS NOT NULL
) f ORDER BY Sequence;
IF @First IS NULL
BEGIN TRY
  INSERT [$(Schema)].[$(Queue)]
    (MessageId, Topic, CorrelationId, OrderingKey, DedupKey, Source, Hash, EnqueuedUtc, DueUtc, Headers, Payload, PayloadEscaped)
  VALUES (@Id, @Topic, @CorrelationId, @OrderingKey, @DedupKey, @Source, @Hash, @Now,
    DATEADD(millisecond, CAST(@DelayMs % 1000 AS int), DATEADD(second, CAST(@DelayMs / 1000 AS int), @Now)),
    @Headers, @Payload, @PayloadEscaped);
END TRY
BEGIN CATCH
  -- Somebody else stored it between the look and the insert, and has committed.
  IF ERROR_NUMBER() NOT IN (2601, 2627) OR XACT_STATE() = -1 THROW;
  SELECT TOP (1) @First = MessageId FROM (
    SELECT Sequence, MessageId FROM [$(Schema)].[$(Queue)] WHERE MessageId = @Id
    UNION ALL
    SELECT Sequence, MessageId FROM [$(Schema)].[$(Queue)] WHERE DedupHash = @DedupHash AND Source = @Source AND DedupKey IS NOT NULL
  ) f ORDER BY Sequence;
  -- Not there any more: the retention has just removed it. The caller may try again.
  IF @First IS NULL THROW;
END CATCH;
SET @Conflict = 0;
IF @First IS NOT NULL AND EXISTS (SELECT 1 FROM [$(Schema)].[$(Queue)] WHERE MessageId = @First AND Hash <> @Hash)
BEGIN
  SET @Conflict = 1;
  SET @ConflictKey = COALESCE(@DedupKey, CAST(@Id AS nvarchar(36))) + NCHAR(31) + @Hash;
  SET @DedupHash = HASHBYTES('SHA2_256', @ConflictKey);
  IF NOT EXISTS (SELECT 1 FROM [$(Schema)].[$(Queue)] WHERE DedupHash = @DedupHash AND Source = @Source AND DedupKey IS NOT NULL)
  BEGIN TRY
    INSERT [$(Schema)].[$(Queue)]
      (MessageId, Topic, CorrelationId, OrderingKey, DedupKey, Source, Hash, EnqueuedUtc, DueUtc, Headers, Payload, PayloadEscaped,
        Status, InLine, SettledUtc, FirstError, LastError)
    SELECT @Id, @Topic, @CorrelationId, @OrderingKey, @ConflictKey, @Source, @Hash, @Now, @Now, @Headers, @Payload, @PayloadEscaped,
      3, 0, @Now, e.Text, e.Text
    FROM (SELECT N'This id was received before with other content, as message ' + LOWER(CAST(@First AS nvarchar(36))) + N'.' AS Text) e;
  END TRY
  BEGIN CATCH
    -- Somebody else has kept it between the look and the insert.
    IF ERROR_NUMBER() NOT IN (2601, 2627) OR XACT_STATE() = -1 THROW;
  END CATCH;
END;
SET @MessageId = COALESCE(@First, @Id);
SET @Duplicate = CASE WHEN @First IS NULL THEN 0 ELSE 1 END;
GO
-- Stores one message and answers as EnqueueMany does, without a table variable: Babelfish has a session's first one wait
-- for every transaction in which another session had its first.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_EnqueueOne]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_EnqueueOne] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_EnqueueOne]
  @Topic nvarchar(200),
  @Payload nvarchar(max),
  @MessageId uniqueidentifier,
  @OrderingKey nvarchar(200) = NULL,
  @DedupKey nvarchar(200) = NULL,
  @CorrelationId nvarchar(200) = NULL,
  @Headers nvarchar(max) = NULL,
  @DelayMs bigint = 0,
  @PayloadEscaped bit = 0,
  @RequireTransaction bit = 0,
  @Database nvarchar(128) = NULL,
  @Source nvarchar(200) = N'',
  @Hash nvarchar(200) = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF @RequireTransaction = 1 AND @@TRANCOUNT = 0 THROW 51002, N'No transaction is open on this connection.', 1;
IF LOWER(@Database) <> LOWER(DB_NAME()) THROW 51003, N'The connection is on another database than the tenant''s.', 1;
DECLARE @IsDuplicate bit, @IsConflict bit;
EXEC [$(Schema)].[$(Queue)_Enqueue] @Topic = @Topic, @Payload = @Payload, @OrderingKey = @OrderingKey, @DedupKey = @DedupKey,
  @CorrelationId = @CorrelationId, @Headers = @Headers, @DelayMs = @DelayMs, @MessageId = @MessageId OUTPUT,
  @Duplicate = @IsDuplicate OUTPUT, @PayloadEscaped = @PayloadEscaped, @Source = @Source, @Hash = @Hash,
  @Conflict = @IsConflict OUTPUT;
SELECT 0 AS Ordinal, MessageId, DATEDIFF_BIG(millisecond, EnqueuedUtc, SYSUTCDATETIME()) AS AgeMs, @IsConflict AS Conflict
FROM [$(Schema)].[$(Queue)] WHERE MessageId = @MessageId AND @IsDuplicate = 1;
GO
-- Stores many messages, all or none, in one round trip. @Messages is a JSON array of
--   {"ordinal":0, "topic":"…", "messageId":"…", "correlationId":"…", "orderingKey":"…", "dedupKey":"…", "delayMs":0,
--    "payloadEscaped":false, "source":"…", "hash":"…"}
-- where only ordinal and topic must be there. @Payloads is a JSON array of strings, and so is @Headers (whose strings are
-- JSON objects in their turn, or null): those of a message stand at its ordinal, counted from 0. They are texts, so that
-- they are kept byte for byte; and by themselves, because Babelfish cuts what OPENJSON … WITH gives at 4,000 characters.
-- Sequences follow the ordinals. One row for each duplicate: its Ordinal, the MessageId of the first message, the age of
-- that one in milliseconds, and whether it is a Conflict. @RequireTransaction: refuse when no transaction is open. @Database: refuse when this
-- is another one.
--
-- The messages are inserted by one statement. Only where messages of one call collide with each other, or with another
-- producer at the same moment, or one is a conflict, they are stored one by one: whether a message is a duplicate then
-- hangs on those before.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_EnqueueMany]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_EnqueueMany] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_EnqueueMany]
  @Messages nvarchar(max),
  @Payloads nvarchar(max),
  @Headers nvarchar(max) = NULL,
  @RequireTransaction bit = 0,
  @Database nvarchar(128) = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF @RequireTransaction = 1 AND @@TRANCOUNT = 0 THROW 51002, N'No transaction is open on this connection.', 1;
IF LOWER(@Database) <> LOWER(DB_NAME()) THROW 51003, N'The connection is on another database than the tenant''s.', 1;
-- Columns of a table variable, unlike variables, bring the database's collation into a comparison with the queue's columns.
DECLARE @New TABLE (
  Ordinal int NOT NULL PRIMARY KEY,
  MessageId uniqueidentifier NOT NULL,
  Topic nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
  Payload nvarchar(max) NULL,
  PayloadEscaped bit NOT NULL,
  Headers nvarchar(max) NULL,
  CorrelationId nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
  OrderingKey nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
  DedupKey nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
  Source nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
  DedupHash binary(32) NULL,
  Hash nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
  DelayMs bigint NOT NULL
);
DECLARE @Duplicate TABLE (Ordinal int NOT NULL, MessageId uniqueidentifier NOT NULL, Conflict bit NOT NULL);
DECLARE @Now datetime2(3) = SYSUTCDATETIME(), @OneByOne bit = 0, @Own bit = 0;
DECLARE @Raw bit = CASE WHEN LEN(JSON_VALUE(N'["\""]', N'$[0]')) = 1 THEN 0 ELSE 1 END;
INSERT @New (Ordinal, MessageId, Topic, Payload, PayloadEscaped, Headers, CorrelationId, OrderingKey, DedupKey, Source,
  DedupHash, Hash, DelayMs)
SELECT m.ordinal, COALESCE(m.messageId, NEWID()), m.topic,
  CASE WHEN @Raw = 1 THEN [$(Schema)].[JsonText](p.value) ELSE p.value END, COALESCE(m.payloadEscaped, 0),
  CASE WHEN @Raw = 1 THEN [$(Schema)].[JsonText](h.value) ELSE h.value END, m.correlationId, m.orderingKey, m.dedupKey,
  COALESCE(m.source, N''), HASHBYTES('SHA2_256', m.dedupKey), m.hash, COALESCE(m.delayMs, 0)
FROM (
  SELECT ordinal, messageId, payloadEscaped, delayMs,
    CASE WHEN @Raw = 1 THEN [$(Schema)].[JsonText](topic) ELSE topic END AS topic,
    CASE WHEN @Raw = 1 THEN [$(Schema)].[JsonText](correlationId) ELSE correlationId END AS correlationId,
    CASE WHEN @Raw = 1 THEN [$(Schema)].[JsonText](orderingKey) ELSE orderingKey END AS orderingKey,
    CASE WHEN @Raw = 1 THEN [$(Schema)].[JsonText](dedupKey) ELSE dedupKey END AS dedupKey,
    CASE WHEN @Raw = 1 THEN [$(Schema)].[JsonText](source) ELSE source END AS source,
    CASE WHEN @Raw = 1 THEN [$(Schema)].[JsonText](hash) ELSE hash END AS hash
  FROM OPENJSON(@Messages) WITH (
    ordinal int '$.ordinal',
    messageId uniqueidentifier '$.messageId',
    topic nvarchar(400) '$.topic',
    payloadEscaped bit '$.payloadEscaped',
    correlationId nvarchar(400) '$.correlationId',
    orderingKey nvarchar(400) '$.orderingKey',
    dedupKey nvarchar(400) '$.dedupKey',
    source nvarchar(400) '$.source',
    hash nvarchar(400) '$.hash',
    delayMs bigint '$.delayMs')
) m
LEFT JOIN OPENJSON(@Payloads) p ON CAST(p.[key] AS int) = m.ordinal
LEFT JOIN OPENJSON(COALESCE(@Headers, N'[]')) h ON CAST(h.[key] AS int) = m.ordinal;
IF EXISTS (SELECT 1 FROM @New WHERE Topic IS NULL OR LEN(Topic) = 0)
  THROW 51020, N'A message needs a topic of 1 to 200 characters.', 1;
IF EXISTS (SELECT 1 FROM @New WHERE Payload IS NULL) THROW 51021, N'A message needs a payload; an empty text is one.', 1;
IF EXISTS (SELECT 1 FROM @New WHERE DelayMs < 0 OR DelayMs > 1500000000000)
  THROW 51022, N'delayMs must be milliseconds from 0 to 1500000000000.', 1;
IF EXISTS (SELECT 1 FROM @New WHERE Headers IS NOT NULL AND ISJSON(Headers) = 0)
  THROW 51023, N'headers must be a JSON object of strings.', 1;
IF EXISTS (SELECT 1 FROM @New WHERE DATALENGTH(LTRIM(RTRIM(Source))) <> DATALENGTH(Source)
  OR DATALENGTH(LTRIM(RTRIM(Hash))) <> DATALENGTH(Hash))
  THROW 51024, N'source and hash must not begin or end with a blank.', 1;
IF EXISTS (SELECT 1 FROM @New GROUP BY MessageId HAVING COUNT(*) > 1)
  OR EXISTS (SELECT 1 FROM @New WHERE DedupHash IS NOT NULL GROUP BY DedupHash, Source HAVING COUNT(*) > 1)
  SET @OneByOne = 1;
IF @@TRANCOUNT = 0
BEGIN
  SET @Own = 1;
  BEGIN TRANSACTION;
END;
BEGIN TRY
  IF @OneByOne = 0
  BEGIN TRY
    INSERT @Duplicate (Ordinal, MessageId, Conflict)
    SELECT n.Ordinal, q.MessageId, CASE WHEN q.Hash <> n.Hash THEN 1 ELSE 0 END FROM @New n
      JOIN [$(Schema)].[$(Queue)] q ON q.MessageId = n.MessageId;
    INSERT @Duplicate (Ordinal, MessageId, Conflict)
    SELECT n.Ordinal, q.MessageId, CASE WHEN q.Hash <> n.Hash THEN 1 ELSE 0 END FROM @New n
      JOIN [$(Schema)].[$(Queue)] q ON q.DedupHash = n.DedupHash AND q.Source = n.Source AND q.DedupKey IS NOT NULL
    WHERE n.DedupHash IS NOT NULL;
    IF EXISTS (SELECT 1 FROM @Duplicate WHERE Conflict = 1) SET @OneByOne = 1;
    ELSE
    INSERT [$(Schema)].[$(Queue)]
      (MessageId, Topic, CorrelationId, OrderingKey, DedupKey, Source, Hash, EnqueuedUtc, DueUtc, Headers, Payload, PayloadEscaped)
    SELECT n.MessageId, n.Topic, n.CorrelationId, n.OrderingKey, n.DedupKey, n.Source, n.Hash, @Now,
      DATEADD(millisecond, CAST(n.DelayMs % 1000 AS int), DATEADD(second, CAST(n.DelayMs / 1000 AS int), @Now)),
      n.Headers, n.Payload, n.PayloadEscaped
    FROM @New n
    WHERE NOT EXISTS (SELECT 1 FROM @Duplicate d WHERE d.Ordinal = n.Ordinal)
    ORDER BY n.Ordinal;
  END TRY
  BEGIN CATCH
    IF ERROR_NUMBER() NOT IN (2601, 2627) OR XACT_STATE() = -1 THROW;
    SET @OneByOne = 1;
  END CATCH;
  IF @OneByOne = 1
  BEGIN
    DELETE FROM @Duplicate;
    SAVE TRANSACTION [$(Queue)_EnqueueMany];
    DECLARE @Ordinal int, @MessageId uniqueidentifier, @Topic nvarchar(200), @Payload nvarchar(max), @PayloadEscaped bit,
      @HeadersOfOne nvarchar(max), @CorrelationId nvarchar(200), @OrderingKey nvarchar(200), @DedupKey nvarchar(200),
      @Source nvarchar(200), @Hash nvarchar(200), @DelayMs bigint, @IsDuplicate bit, @IsConflict bit;
    SET @Ordinal = (SELECT MIN(Ordinal) FROM @New);
    WHILE @Ordinal IS NOT NULL
    BEGIN
      SELECT @MessageId = MessageId, @Topic = Topic, @Payload = Payload, @PayloadEscaped = PayloadEscaped,
        @HeadersOfOne = Headers, @CorrelationId = CorrelationId, @OrderingKey = OrderingKey, @DedupKey = DedupKey,
        @Source = Source, @Hash = Hash, @DelayMs = DelayMs
      FROM @New WHERE Ordinal = @Ordinal;
      EXEC [$(Schema)].[$(Queue)_Enqueue] @Topic = @Topic, @Payload = @Payload, @OrderingKey = @OrderingKey,
        @DedupKey = @DedupKey, @CorrelationId = @CorrelationId, @Headers = @HeadersOfOne, @DelayMs = @DelayMs,
        @MessageId = @MessageId OUTPUT, @Duplicate = @IsDuplicate OUTPUT, @PayloadEscaped = @PayloadEscaped, @Source = @Source,
        @Hash = @Hash, @Conflict = @IsConflict OUTPUT;
      IF @IsDuplicate = 1 INSERT @Duplicate (Ordinal, MessageId, Conflict) VALUES (@Ordinal, @MessageId, @IsConflict);
      SET @Ordinal = (SELECT MIN(Ordinal) FROM @New WHERE Ordinal > @Ordinal);
    END;
  END;
  IF @Own = 1 COMMIT;
END TRY
BEGIN CATCH
  IF @Own = 1 AND @@TRANCOUNT > 0 ROLLBACK;
  ELSE IF @Own = 0 AND @OneByOne = 1 AND XACT_STATE() = 1 ROLLBACK TRANSACTION [$(Queue)_EnqueueMany];
  THROW;
END CATCH;
-- A message may match one stored message by its id and another by its dedup key: the earlier one counts.
SELECT f.Ordinal, f.MessageId, DATEDIFF_BIG(millisecond, f.EnqueuedUtc, SYSUTCDATETIME()) AS AgeMs, f.Conflict
FROM (
  SELECT d.Ordinal, d.Conflict, q.MessageId, q.EnqueuedUtc, ROW_NUMBER() OVER (PARTITION BY d.Ordinal ORDER BY q.Sequence) AS Nth
  FROM @Duplicate d JOIN [$(Schema)].[$(Queue)] q ON q.MessageId = d.MessageId
) f WHERE f.Nth = 1;
GO
