-- Stores messages (Q3), from any language, inside the caller's transaction or without one.
--
-- These procedures begin, commit and roll back no transaction: one INSERT stores a message, or all messages
-- of one call. They run with XACT_ABORT OFF. When two producers use one DedupKey, the unique index gives the
-- second one error 2627, which must not doom the transaction in which it is caught. Every other error is
-- thrown again, and the caller ends its transaction. With XACT_ABORT OFF a failed statement would not end the
-- procedure, so every statement is inside TRY.
--
-- Isolation: inside the caller's transaction its isolation level stays unchanged, because a caller at
-- SNAPSHOT would get error 3951 at its next statement. Hints replace the level: every read of the queue is
-- READCOMMITTEDLOCK, so that a caller at SNAPSHOT sees duplicates committed since its transaction began, and
-- a caller at SERIALIZABLE locks no range of keys. In a transaction these reads come before the insert, so that a duplicate
-- causes no error in it.
--
-- Options: QUOTED_IDENTIFIER and ANSI_NULLS are stored with a procedure. The other options that filtered
-- indexes and persisted columns need (error 1934) are set here, because the caller's may differ. ARITHABORT is
-- not set: ANSI_WARNINGS implies it, most clients have it off, and a SET that changes an option makes the server
-- compile the following statements again at each call.
--
-- Locks: the new rows are locked until the caller's transaction ends; a producer of the same MessageId or DedupKey
-- waits until then, at most 10 seconds (error 1222) or the caller's own shorter LOCK_TIMEOUT. FORCESEEK restricts
-- every read to the rows of its own key, whatever plan the optimizer prefers, because a scan would wait for other
-- producers. No procedure that waits for a producer holds a lock that a producer needs
-- (queue-settle-and-claim.sql).
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Stores one message. @MessageId: the caller's own id, or null for a new one; after the call, the id of the
-- stored message, or of the first message if this one is a duplicate. If the message id or dedup key was seen
-- before, the call stores nothing. @Source: the source of the dedup key, which a webhook receiver passes;
-- empty for the application's own keys. @Hash identifies the content: if it differs from the first message's
-- hash, @Conflict is 1 and the message is stored as Dead, once for each hash (I2). @Topic, @Source and @Hash must
-- not begin or end with a blank.
--
--   DECLARE @Id uniqueidentifier;
--   EXEC [$(Schema)].[$(Queue)_Enqueue] @Topic = N'order.placed', @Payload = N'{"order":17}', @MessageId = @Id OUTPUT;
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Enqueue]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Enqueue] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_Enqueue]
  @Topic nvarchar(4000),
  @Payload nvarchar(max),
  @OrderingKey nvarchar(4000) = NULL,
  @DedupKey nvarchar(4000) = NULL,
  @CorrelationId nvarchar(4000) = NULL,
  -- A JSON object of strings.
  @Headers nvarchar(max) = NULL,
  -- Milliseconds from now until the message is due (Q2).
  @DelayMs bigint = 0,
  @MessageId uniqueidentifier = NULL OUTPUT,
  @Duplicate bit = 0 OUTPUT,
  @PayloadEscaped bit = 0,
  @Source nvarchar(4000) = N'',
  @Hash nvarchar(4000) = NULL,
  @Conflict bit = 0 OUTPUT
AS
SET NOCOUNT ON;
SET XACT_ABORT OFF;
IF @@TRANCOUNT = 0 SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET ANSI_PADDING, ANSI_WARNINGS, CONCAT_NULL_YIELDS_NULL ON; SET NUMERIC_ROUNDABORT OFF;
IF @@LOCK_TIMEOUT NOT BETWEEN 0 AND 10000 SET LOCK_TIMEOUT 10000;
-- The parameters are wider than the columns; otherwise the server would cut longer text without an error.
IF DATALENGTH(SUBSTRING(@Topic COLLATE Latin1_General_100_BIN2, 201, 1)) > 0
  OR DATALENGTH(SUBSTRING(@OrderingKey COLLATE Latin1_General_100_BIN2, 201, 1)) > 0
  OR DATALENGTH(SUBSTRING(@DedupKey COLLATE Latin1_General_100_BIN2, 201, 1)) > 0
  OR DATALENGTH(SUBSTRING(@CorrelationId COLLATE Latin1_General_100_BIN2, 201, 1)) > 0
  OR DATALENGTH(SUBSTRING(@Source COLLATE Latin1_General_100_BIN2, 201, 1)) > 0
  OR DATALENGTH(SUBSTRING(@Hash COLLATE Latin1_General_100_BIN2, 201, 1)) > 0
  THROW 51026, N'A value is too long; @Topic, @OrderingKey, @DedupKey, @CorrelationId, @Source and @Hash may have 200 characters at most.', 1;
-- = and the unique index ignore blanks at the end of a text.
IF DATALENGTH(LTRIM(RTRIM(@Source))) <> DATALENGTH(@Source) OR DATALENGTH(LTRIM(RTRIM(@Hash))) <> DATALENGTH(@Hash)
  THROW 51024, N'@Source and @Hash must not begin or end with a blank.', 1;
IF @Topic IS NULL OR LEN(@Topic) = 0 THROW 51020, N'A message needs a topic of 1 to 200 characters.', 1;
IF DATALENGTH(LTRIM(RTRIM(@Topic))) <> DATALENGTH(@Topic) THROW 51024, N'@Topic must not begin or end with a blank.', 1;
IF @Payload IS NULL THROW 51021, N'A message needs a payload; an empty text is allowed.', 1;
IF @DelayMs IS NULL OR @DelayMs < 0 OR @DelayMs > 1500000000000
  THROW 51022, N'@DelayMs must be milliseconds from 0 to 1500000000000.', 1;
IF @Headers IS NOT NULL AND ISJSON(@Headers) = 0 THROW 51023, N'@Headers must be a JSON object of strings.', 1;
DECLARE @Now datetime2(3) = SYSUTCDATETIME(), @DedupHash binary(32) = HASHBYTES('SHA2_256', @DedupKey), @Tries int = 0;
DECLARE @Id uniqueidentifier = COALESCE(@MessageId, NEWID()), @First uniqueidentifier, @Stored bit = 0;
-- Without a dedup key a duplicate is rare, such as a call that is sent again, and the index of message ids finds it.
DECLARE @Look bit = CASE WHEN @DedupKey IS NULL AND @@TRANCOUNT = 0 THEN 0 ELSE 1 END;
DECLARE @ConflictKey nvarchar(401) = COALESCE(@DedupKey, CAST(@Id AS nvarchar(36))) + NCHAR(31) + @Hash;
DECLARE @ConflictHash binary(32) = HASHBYTES('SHA2_256', @ConflictKey);
WHILE @Stored = 0
BEGIN
  BEGIN TRY
    SELECT @First = NULL, @Conflict = 0;
    IF @Look = 1
      SELECT TOP (1) @First = f.MessageId, @Conflict = f.Conflict FROM (
        SELECT i.Sequence, i.MessageId, CASE WHEN i.Hash <> @Hash THEN 1 ELSE 0 END AS Conflict
        FROM [$(Schema)].[$(Queue)] i WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE i.MessageId = @Id
        UNION ALL
        SELECT k.Sequence, k.MessageId, CASE WHEN k.Hash <> @Hash THEN 1 ELSE 0 END AS Conflict
        FROM [$(Schema)].[$(Queue)] k WITH (FORCESEEK, READCOMMITTEDLOCK)
        WHERE k.DedupHash = @DedupHash AND k.Source = @Source AND k.DedupKey IS NOT NULL
      ) f ORDER BY f.Sequence;
    IF @First IS NULL
      INSERT [$(Schema)].[$(Queue)]
        (MessageId, Topic, CorrelationId, OrderingKey, DedupKey, Source, Hash, EnqueuedUtc, DueUtc, Headers, Payload, PayloadEscaped)
      VALUES (@Id, @Topic, @CorrelationId, @OrderingKey, @DedupKey, @Source, @Hash, @Now,
        DATEADD(millisecond, CAST(@DelayMs % 1000 AS int), DATEADD(second, CAST(@DelayMs / 1000 AS int), @Now)),
        @Headers, @Payload, @PayloadEscaped);
    ELSE IF @Conflict = 1
      AND NOT EXISTS (SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE MessageId = @Id)
      AND NOT EXISTS (
        SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK)
        WHERE DedupHash = @ConflictHash AND Source = @Source AND DedupKey IS NOT NULL)
      INSERT [$(Schema)].[$(Queue)]
        (MessageId, Topic, CorrelationId, OrderingKey, DedupKey, Source, Hash, EnqueuedUtc, DueUtc, Headers, Payload, PayloadEscaped,
          Status, InGroup, SettledUtc, FirstError, LastError)
      SELECT @Id, @Topic, @CorrelationId, @OrderingKey, @ConflictKey, @Source, @Hash, @Now, @Now, @Headers, @Payload, @PayloadEscaped,
        3, 0, @Now, e.Text, e.Text
      FROM (SELECT N'This id was received before with other content, as message ' + LOWER(CAST(@First AS nvarchar(36))) + N'; compare the two, then discard or replay this one.' AS Text) e;
    SET @Stored = 1;
  END TRY
  BEGIN CATCH
    -- The message was stored before, or another producer stored it between the read and the insert, and has committed. The next
    -- read finds it, unless retention has just removed it.
    SET @Look = 1;
    SET @Tries = @Tries + 1;
    IF ERROR_NUMBER() NOT IN (2601, 2627) OR XACT_STATE() = -1 OR @Tries >= 5 THROW;
  END CATCH;
END;
SET @MessageId = COALESCE(@First, @Id);
SET @Duplicate = CASE WHEN @First IS NULL THEN 0 ELSE 1 END;
GO
-- Stores one message and answers like EnqueueMany, but without a table variable: on Babelfish a session's
-- first table variable waits for every transaction in which another session created its first one.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_EnqueueOne]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_EnqueueOne] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_EnqueueOne]
  @Topic nvarchar(4000),
  @Payload nvarchar(max),
  @MessageId uniqueidentifier,
  @OrderingKey nvarchar(4000) = NULL,
  @DedupKey nvarchar(4000) = NULL,
  @CorrelationId nvarchar(4000) = NULL,
  @Headers nvarchar(max) = NULL,
  @DelayMs bigint = 0,
  @PayloadEscaped bit = 0,
  @RequireTransaction bit = NULL,
  @Database nvarchar(128) = NULL,
  @Source nvarchar(4000) = N'',
  @Hash nvarchar(4000) = NULL
AS
:r parts/queue-enqueue-head.sql
DECLARE @IsDuplicate bit, @IsConflict bit;
EXEC [$(Schema)].[$(Queue)_Enqueue] @Topic = @Topic, @Payload = @Payload, @OrderingKey = @OrderingKey, @DedupKey = @DedupKey,
  @CorrelationId = @CorrelationId, @Headers = @Headers, @DelayMs = @DelayMs, @MessageId = @MessageId OUTPUT,
  @Duplicate = @IsDuplicate OUTPUT, @PayloadEscaped = @PayloadEscaped, @Source = @Source, @Hash = @Hash,
  @Conflict = @IsConflict OUTPUT;
SELECT 0 AS Ordinal, MessageId, DATEDIFF_BIG(millisecond, EnqueuedUtc, CAST(SYSUTCDATETIME() AS datetime2(3))) AS AgeMs, @IsConflict AS Conflict
FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE MessageId = @MessageId AND @IsDuplicate = 1;
GO
