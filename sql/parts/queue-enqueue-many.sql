-- Stores many messages in one call (Q3). Isolation, locks and XACT_ABORT are as in queue-enqueue.sql.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Stores many messages, all or none, in one round trip. @Messages is a JSON array of
--   {"ordinal":0, "topic":"…", "messageId":"…", "correlationId":"…", "orderingKey":"…", "dedupKey":"…", "delayMs":0,
--    "payloadEscaped":false, "source":"…", "hash":"…"}
-- in which only ordinal and topic are required. @Payloads is a JSON array of strings. @Headers is a JSON
-- array of strings that contain JSON objects, or of nulls. The entry at a message's ordinal, counted from 0,
-- belongs to that message. Payloads and headers are strings, so that they are kept byte for byte. They are
-- separate arrays, because Babelfish cuts the values of OPENJSON … WITH at 4,000 characters. Sequences have
-- the order of the ordinals. Returns one row for each duplicate: its Ordinal, the MessageId of the first
-- message, the age of the first message in milliseconds, and whether the duplicate is a Conflict.
-- @RequireTransaction 1: refuses when no transaction is open; 0: refuses when one is open; null: allows both.
-- @Database: refuses when the connection is on another database.
--
-- One INSERT stores all messages. Messages that may be duplicates are looked for first, as in queue-enqueue.sql. If messages of one call collide with each other, or one is a conflict, the
-- result for each message depends on the messages before it. The results are then decided beforehand in @New,
-- message by message.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_EnqueueMany]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_EnqueueMany] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_EnqueueMany]
  @Messages nvarchar(max),
  @Payloads nvarchar(max),
  @Headers nvarchar(max) = NULL,
  @RequireTransaction bit = NULL,
  @Database nvarchar(128) = NULL
AS
:r parts/queue-enqueue-head.sql
-- Values are checked, and converted with TRY_CAST below, because an error of OPENJSON or CAST would doom the
-- caller's transaction.
IF @Messages IS NULL OR ISJSON(@Messages) = 0 OR @Payloads IS NULL OR ISJSON(@Payloads) = 0 OR ISJSON(@Headers) = 0
  THROW 51025, N'@Messages, @Payloads and @Headers must be JSON arrays.', 1;
-- The columns of a table variable, unlike variables, have a collation of their own in comparisons. Its texts may
-- be one character longer than the queue's (two, where a character takes two), so that a text that is too long is
-- noticed.
DECLARE @New TABLE (
  Ordinal int NOT NULL PRIMARY KEY,
  -- Null: not a UUID.
  MessageId uniqueidentifier NULL,
  Topic nvarchar(402) COLLATE Latin1_General_100_BIN2 NULL,
  Payload nvarchar(max) NULL,
  PayloadEscaped bit NOT NULL,
  Headers nvarchar(max) NULL,
  CorrelationId nvarchar(402) COLLATE Latin1_General_100_BIN2 NULL,
  OrderingKey nvarchar(402) COLLATE Latin1_General_100_BIN2 NULL,
  DedupKey nvarchar(402) COLLATE Latin1_General_100_BIN2 NULL,
  Source nvarchar(402) COLLATE Latin1_General_100_BIN2 NOT NULL,
  DedupHash binary(32) NULL,
  Hash nvarchar(402) COLLATE Latin1_General_100_BIN2 NULL,
  DelayMs bigint NOT NULL,
  HasId bit NOT NULL,
  -- 1: a value does not have its column's type. The ordinal (then -1) and the id show that by themselves.
  IsBad bit NOT NULL,
  -- 0: to be stored; 1: a duplicate; 2: a conflict, to be stored as Dead.
  Fate tinyint NOT NULL DEFAULT (0),
  ConflictKey nvarchar(401) COLLATE Latin1_General_100_BIN2 NULL,
  ConflictHash binary(32) NULL,
  Error nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL
);
-- The texts of @Payloads (Kind 0) and @Headers (Kind 1), so that each is parsed once.
DECLARE @Text TABLE (Kind tinyint NOT NULL, Ordinal int NOT NULL, Value nvarchar(max) NULL, PRIMARY KEY (Kind, Ordinal));
-- Stored messages with the id or the dedup key of a new message. If there are several, the earliest counts.
DECLARE @Match TABLE (
  Ordinal int NOT NULL,
  Sequence bigint NOT NULL,
  MessageId uniqueidentifier NOT NULL,
  EnqueuedUtc datetime2(3) NOT NULL,
  Conflict bit NOT NULL
);
DECLARE @Now datetime2(3) = SYSUTCDATETIME(), @Collide bit = 0, @Stored bit = 0, @Look bit = 0, @Tries int = 0, @Ordinal int;
DECLARE @First uniqueidentifier, @FirstUtc datetime2(3), @Conflict bit, @ConflictKey nvarchar(401), @ConflictHash binary(32), @Source nvarchar(402);
DECLARE @Wrong int, @Keyed int, @Raw bit = CASE WHEN LEN(JSON_VALUE(N'["\""]', N'$[0]')) = 1 THEN 0 ELSE 1 END;
-- Without an escape in the whole text, no value needs decoding. Most payloads are JSON, with no escapes but those of quotes.
DECLARE @RawMessages bit = CASE WHEN @Raw = 1 AND CHARINDEX(N'\' COLLATE Latin1_General_100_BIN2, @Messages) > 0 THEN 1 ELSE 0 END;
DECLARE @RawPayloads bit = CASE
  WHEN @Raw = 1 AND CHARINDEX(N'\', REPLACE(@Payloads COLLATE Latin1_General_100_BIN2, N'\"', N'')) > 0 THEN 1 ELSE 0 END;
BEGIN TRY
  INSERT @Text (Kind, Ordinal, Value)
  SELECT 0, TRY_CAST([key] AS int), CASE
    WHEN @RawPayloads = 1 THEN [$(Schema)].[JsonText](value)
    WHEN @Raw = 1 THEN REPLACE(value COLLATE Latin1_General_100_BIN2, N'\"', N'"')
    ELSE value END
  FROM OPENJSON(@Payloads) WHERE TRY_CAST([key] AS int) IS NOT NULL;
  IF @Headers IS NOT NULL
    INSERT @Text (Kind, Ordinal, Value)
    SELECT 1, TRY_CAST([key] AS int), CASE WHEN @Raw = 1 THEN [$(Schema)].[JsonText](value) ELSE value END
    FROM OPENJSON(@Headers) WHERE TRY_CAST([key] AS int) IS NOT NULL;
  INSERT @New (Ordinal, MessageId, Topic, Payload, PayloadEscaped, Headers, CorrelationId, OrderingKey, DedupKey, Source,
    DedupHash, Hash, DelayMs, HasId, IsBad)
  SELECT COALESCE(m.ordinal, -1), m.messageId, LEFT(m.topic, 201), p.Value, COALESCE(m.payloadEscaped, 0),
    h.Value, LEFT(m.correlationId, 201), LEFT(m.orderingKey, 201), LEFT(m.dedupKey, 201), LEFT(COALESCE(m.source, N''), 201),
    HASHBYTES('SHA2_256', m.dedupKey), LEFT(m.hash, 201), COALESCE(m.delayMs, 0), m.HasId, m.IsBad
  FROM (
    SELECT TRY_CAST(ordinal AS int) AS ordinal, TRY_CAST(messageId AS uniqueidentifier) AS messageId,
      CASE WHEN payloadEscaped IS NOT NULL THEN TRY_CAST(payloadEscaped AS bit) END AS payloadEscaped,
      CASE WHEN delayMs IS NOT NULL THEN TRY_CAST(delayMs AS bigint) END AS delayMs,
      CASE WHEN messageId IS NULL THEN 0 ELSE 1 END AS HasId,
      CASE WHEN LEN(messageId) <> 36 OR (payloadEscaped IS NOT NULL AND TRY_CAST(payloadEscaped AS bit) IS NULL)
        OR (delayMs IS NOT NULL AND TRY_CAST(delayMs AS bigint) IS NULL) THEN 1 ELSE 0 END AS IsBad,
      CASE WHEN @RawMessages = 1 THEN [$(Schema)].[JsonText](topic) ELSE topic END AS topic,
      CASE WHEN @RawMessages = 1 THEN [$(Schema)].[JsonText](correlationId) ELSE correlationId END AS correlationId,
      CASE WHEN @RawMessages = 1 THEN [$(Schema)].[JsonText](orderingKey) ELSE orderingKey END AS orderingKey,
      CASE WHEN @RawMessages = 1 THEN [$(Schema)].[JsonText](dedupKey) ELSE dedupKey END AS dedupKey,
      CASE WHEN @RawMessages = 1 THEN [$(Schema)].[JsonText](source) ELSE source END AS source,
      CASE WHEN @RawMessages = 1 THEN [$(Schema)].[JsonText](hash) ELSE hash END AS hash
    FROM OPENJSON(@Messages) WITH (
      ordinal nvarchar(max) '$.ordinal',
      messageId nvarchar(max) '$.messageId',
      topic nvarchar(max) '$.topic',
      payloadEscaped nvarchar(max) '$.payloadEscaped',
      correlationId nvarchar(max) '$.correlationId',
      orderingKey nvarchar(max) '$.orderingKey',
      dedupKey nvarchar(max) '$.dedupKey',
      source nvarchar(max) '$.source',
      hash nvarchar(max) '$.hash',
      delayMs nvarchar(max) '$.delayMs')
  ) m
  LEFT JOIN @Text p ON p.Kind = 0 AND p.Ordinal = m.ordinal
  LEFT JOIN @Text h ON h.Kind = 1 AND h.Ordinal = m.ordinal;
  IF EXISTS (SELECT 1 FROM @New WHERE HasId = 0) UPDATE @New SET MessageId = NEWID() WHERE HasId = 0;
END TRY
BEGIN CATCH
  IF ERROR_NUMBER() IN (2601, 2627) THROW 51025, N'Two entries of @Messages have the same ordinal; give each an ordinal of its own.', 1;
  THROW;
END CATCH;
-- The first check that any message fails, in one pass over all messages. No value is null, because the server would warn of
-- one in an aggregate, and some drivers take the warning for the answer.
SELECT @Wrong = MIN(CASE
    WHEN IsBad = 1 OR Ordinal < 0 OR (HasId = 1 AND MessageId IS NULL) THEN 1
    WHEN DATALENGTH(SUBSTRING(Topic, 201, 1)) > 0 OR DATALENGTH(SUBSTRING(OrderingKey, 201, 1)) > 0
      OR DATALENGTH(SUBSTRING(DedupKey, 201, 1)) > 0 OR DATALENGTH(SUBSTRING(CorrelationId, 201, 1)) > 0
      OR DATALENGTH(SUBSTRING(Source, 201, 1)) > 0 OR DATALENGTH(SUBSTRING(Hash, 201, 1)) > 0 THEN 2
    WHEN Topic IS NULL OR LEN(Topic) = 0 THEN 3
    WHEN DATALENGTH(LTRIM(RTRIM(Topic))) <> DATALENGTH(Topic) THEN 4
    WHEN Payload IS NULL THEN 5
    WHEN DelayMs < 0 OR DelayMs > 1500000000000 THEN 6
    WHEN Headers IS NOT NULL AND ISJSON(Headers) = 0 THEN 7
    WHEN DATALENGTH(LTRIM(RTRIM(Source))) <> DATALENGTH(Source) OR DATALENGTH(LTRIM(RTRIM(Hash))) <> DATALENGTH(Hash) THEN 8
    ELSE 9
  END),
  @Keyed = SUM(CASE WHEN DedupHash IS NULL THEN 0 ELSE 1 END)
FROM @New;
IF @Wrong = 1
  THROW 51025, N'In @Messages, ordinal and delayMs must be whole numbers, messageId must be a UUID of 36 characters, and payloadEscaped must be true or false.', 1;
IF @Wrong = 2
  THROW 51026, N'In @Messages, a value is too long; topic, orderingKey, dedupKey, correlationId, source and hash may have 200 characters at most.', 1;
IF @Wrong = 3 THROW 51020, N'A message needs a topic of 1 to 200 characters.', 1;
IF @Wrong = 4 THROW 51024, N'topic must not begin or end with a blank.', 1;
IF @Wrong = 5 THROW 51021, N'A message needs a payload; an empty text is allowed.', 1;
IF @Wrong = 6 THROW 51022, N'delayMs must be milliseconds from 0 to 1500000000000.', 1;
IF @Wrong = 7 THROW 51023, N'headers must be a JSON object of strings.', 1;
IF @Wrong = 8 THROW 51024, N'source and hash must not begin or end with a blank.', 1;
IF EXISTS (SELECT 1 FROM @New GROUP BY MessageId HAVING COUNT(*) > 1)
  OR (@Keyed > 0 AND EXISTS (SELECT 1 FROM @New WHERE DedupHash IS NOT NULL GROUP BY DedupHash, Source HAVING COUNT(*) > 1))
  SET @Collide = 1;
IF @Keyed > 0 OR @Collide = 1 OR @@TRANCOUNT > 0 SET @Look = 1;
WHILE @Stored = 0
BEGIN
  BEGIN TRY
    IF @Look = 1
    BEGIN
      DELETE FROM @Match;
      INSERT @Match (Ordinal, Sequence, MessageId, EnqueuedUtc, Conflict)
      SELECT n.Ordinal, q.Sequence, q.MessageId, q.EnqueuedUtc, CASE WHEN q.Hash <> n.Hash THEN 1 ELSE 0 END
      FROM @New n JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK) ON q.MessageId = n.MessageId;
    END;
    IF @Keyed > 0
      INSERT @Match (Ordinal, Sequence, MessageId, EnqueuedUtc, Conflict)
      SELECT n.Ordinal, q.Sequence, q.MessageId, q.EnqueuedUtc, CASE WHEN q.Hash <> n.Hash THEN 1 ELSE 0 END
      FROM @New n JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK)
        ON q.DedupHash = n.DedupHash AND q.Source = n.Source AND q.DedupKey IS NOT NULL
      WHERE n.DedupHash IS NOT NULL;
    IF @Collide = 1 OR EXISTS (SELECT 1 FROM @Match WHERE Conflict = 1)
    BEGIN
:r parts/queue-enqueue-one-by-one.sql
    END
    ELSE
      INSERT [$(Schema)].[$(Queue)]
        (MessageId, Topic, CorrelationId, OrderingKey, DedupKey, Source, Hash, EnqueuedUtc, DueUtc, Headers, Payload, PayloadEscaped)
      SELECT n.MessageId, n.Topic, n.CorrelationId, n.OrderingKey, n.DedupKey, n.Source, n.Hash, @Now,
        DATEADD(millisecond, CAST(n.DelayMs % 1000 AS int), DATEADD(second, CAST(n.DelayMs / 1000 AS int), @Now)),
        n.Headers, n.Payload, n.PayloadEscaped
      FROM @New n
      WHERE NOT EXISTS (SELECT 1 FROM @Match d WHERE d.Ordinal = n.Ordinal)
      ORDER BY n.Ordinal;
    SET @Stored = 1;
  END TRY
  BEGIN CATCH
    -- One of the messages was stored before, or another producer stored it between the read and the insert, and has committed.
    -- The next read finds it.
    SET @Look = 1;
    SET @Tries = @Tries + 1;
    IF ERROR_NUMBER() NOT IN (2601, 2627) OR XACT_STATE() = -1 OR @Tries >= 5 THROW;
  END CATCH;
END;
SELECT f.Ordinal, f.MessageId, DATEDIFF_BIG(millisecond, f.EnqueuedUtc, CAST(SYSUTCDATETIME() AS datetime2(3))) AS AgeMs, f.Conflict
FROM (
  SELECT Ordinal, Conflict, MessageId, EnqueuedUtc, ROW_NUMBER() OVER (PARTITION BY Ordinal ORDER BY Sequence) AS Nth FROM @Match
) f WHERE f.Nth = 1;
GO
