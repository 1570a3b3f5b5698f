-- What operators do to messages that are not in flight: replay (Q13), discard, cancel, reschedule and replace.
--
-- A message is changed only if it is in a state for the act and, where a version is given, still has that version.
--
-- Locks: both procedures first lock the row of the queue's lease, as a run's calls do (queue-settle-and-claim.sql), so
-- that only one call at a time blocks and unblocks messages, and no run claims a message meanwhile. They wait for a run no
-- longer than one of its calls takes. Producers also insert Dead messages (conflicts); these are skipped until they are
-- committed.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- @Targets: a JSON array of {"id", "version"}; without a version only the state counts. replay: Dead messages become
-- Ready, due now, with attempts reset and history kept. discard: Dead messages are deleted. cancel: Ready and Dead
-- messages end as Done, with @Reason. reschedule: Ready messages are due after @DelayMs. Returns the ids of the messages that it changed.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Act]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Act] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_Act]
  @Act nvarchar(20),
  @Targets nvarchar(max),
  @DelayMs bigint = 0,
  @Reason nvarchar(4000) = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'Messages cannot be changed inside a transaction; commit or roll back first.', 1;
IF @Act IS NULL OR @Act NOT IN (N'replay', N'discard', N'cancel', N'reschedule')
  THROW 51005, N'@Act must be replay, discard, cancel or reschedule.', 1;
IF COALESCE(@DelayMs, -1) NOT BETWEEN 0 AND 1500000000000 THROW 51022, N'@DelayMs must be milliseconds from 0 to 1500000000000.', 1;
IF DATALENGTH(SUBSTRING(@Reason COLLATE Latin1_General_100_BIN2, 401, 1)) > 0 THROW 51026, N'@Reason has more than 400 characters.', 1;
IF @Act = N'cancel' AND @Reason IS NULL THROW 51005, N'A cancelled message needs a @Reason.', 1;
IF COALESCE(ISJSON(@Targets), 0) = 0 THROW 51025, N'@Targets must be a JSON array of ids and versions.', 1;
DECLARE @LeaseName nvarchar(200) = N'queue:$(QueueName)', @Now datetime2(3);
DECLARE @Target TABLE (MessageId uniqueidentifier NULL, Version nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL);
DECLARE @Chosen TABLE (Sequence bigint NOT NULL PRIMARY KEY, MessageId uniqueidentifier NOT NULL, OrderingHash binary(32) NULL);
DECLARE @Group TABLE (OrderingHash binary(32) NOT NULL PRIMARY KEY);
INSERT @Target (MessageId, Version)
SELECT DISTINCT TRY_CAST(id AS uniqueidentifier), version FROM OPENJSON(@Targets) WITH (id nvarchar(40) '$.id', version nvarchar(200) '$.version');
IF EXISTS (SELECT 1 FROM @Target WHERE MessageId IS NULL) THROW 51025, N'@Targets must be a JSON array of ids and versions.', 1;
EXEC [$(Schema)].[Lease_Ensure] @LeaseName;
BEGIN TRANSACTION;
-- This update changes no value; it only locks the row.
UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE NameHash = HASHBYTES('SHA2_256', @LeaseName);
SET @Now = CAST(SYSUTCDATETIME() AS datetime2(3));
INSERT @Chosen (Sequence, MessageId, OrderingHash)
SELECT DISTINCT q.Sequence, q.MessageId, q.OrderingHash
FROM @Target t JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) ON q.MessageId = t.MessageId
WHERE (q.Status = 3 AND @Act <> N'reschedule' OR q.Status = 0 AND @Act IN (N'cancel', N'reschedule'))
  AND (t.Version IS NULL OR t.Version =
:r parts/queue-version.sql
  );
IF @Act = N'replay'
  -- A message with a key returns to its place in its ordering group. Later messages of the group that were
  -- unblocked become followers.
  UPDATE q
  SET Status = 0, InGroup = 1, Blocked = CASE WHEN OrderingKey IS NULL THEN 0 ELSE 1 END, DueUtc = @Now, DueSetUtc = @Now,
    SettledUtc = NULL, ClaimFence = NULL, Attempts = 0, Parks = 0,
    ReplayCount = CASE WHEN ReplayCount < 2147483647 THEN ReplayCount + 1 ELSE ReplayCount END
  FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)
  WHERE Sequence IN (SELECT Sequence FROM @Chosen);
IF @Act = N'discard'
  DELETE q FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) WHERE Sequence IN (SELECT Sequence FROM @Chosen);
IF @Act = N'cancel'
  UPDATE q
  SET Status = 2, SettledUtc = @Now, EndReason = @Reason, InGroup = 0, Blocked = 0, Recovered = 0, Parks = 0, ClaimFence = NULL
  FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)
  WHERE Sequence IN (SELECT Sequence FROM @Chosen);
IF @Act = N'reschedule'
  -- A throttled message is due, and may be due later now. A parked one is no longer parked: it would be made due at once.
  UPDATE q
  SET DueUtc = DATEADD(millisecond, CAST(@DelayMs % 1000 AS int), DATEADD(second, CAST(@DelayMs / 1000 AS int), @Now)), DueSetUtc = @Now,
    Parks = 0, Blocked = CASE WHEN Blocked = 2 THEN 0 ELSE Blocked END
  FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)
  WHERE Sequence IN (SELECT Sequence FROM @Chosen);
INSERT @Group (OrderingHash) SELECT DISTINCT OrderingHash FROM @Chosen WHERE OrderingHash IS NOT NULL;
IF @@ROWCOUNT > 0
:r parts/queue-unblock.sql
COMMIT;
SELECT MessageId FROM @Chosen;
GO
-- Replaces a message that is Ready or Dead. The new message takes the old one's row, and with it its place in the
-- ordering group, its topic, keys and source. The old one is kept as cancelled, under its own id. Returns one row: 1, or 0
-- when the message is gone, is in another state or has another version.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Replace]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Replace] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_Replace]
  @MessageId uniqueidentifier,
  @NewMessageId uniqueidentifier,
  @Payload nvarchar(max),
  @Reason nvarchar(4000),
  @Version nvarchar(4000) = NULL,
  @PayloadEscaped bit = 0,
  @Headers nvarchar(max) = NULL,
  @DelayMs bigint = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'Messages cannot be changed inside a transaction; commit or roll back first.', 1;
IF @NewMessageId IS NULL THROW 51025, N'@NewMessageId must be a UUID.', 1;
IF @Payload IS NULL THROW 51021, N'A message needs a @Payload.', 1;
IF @Reason IS NULL THROW 51005, N'A message that is replaced needs a @Reason.', 1;
IF ISJSON(@Headers) = 0 THROW 51023, N'@Headers must be a JSON object of strings.', 1;
IF COALESCE(@DelayMs, -1) NOT BETWEEN 0 AND 1500000000000 THROW 51022, N'@DelayMs must be milliseconds from 0 to 1500000000000.', 1;
IF DATALENGTH(SUBSTRING(@Reason COLLATE Latin1_General_100_BIN2, 401, 1)) > 0 THROW 51026, N'@Reason has more than 400 characters.', 1;
DECLARE @LeaseName nvarchar(200) = N'queue:$(QueueName)', @Now datetime2(3), @Sequence bigint;
DECLARE @Chosen TABLE (Sequence bigint NOT NULL PRIMARY KEY, OrderingHash binary(32) NULL);
DECLARE @Group TABLE (OrderingHash binary(32) NOT NULL PRIMARY KEY);
EXEC [$(Schema)].[Lease_Ensure] @LeaseName;
BEGIN TRANSACTION;
-- This update changes no value; it only locks the row.
UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE NameHash = HASHBYTES('SHA2_256', @LeaseName);
SET @Now = CAST(SYSUTCDATETIME() AS datetime2(3));
INSERT @Chosen (Sequence, OrderingHash)
SELECT q.Sequence, q.OrderingHash FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
WHERE q.MessageId = @MessageId AND (q.Status = 0 OR q.Status = 3) AND (@Version IS NULL OR @Version =
:r parts/queue-version.sql
  );
SELECT @Sequence = Sequence FROM @Chosen;
IF @Sequence IS NOT NULL
BEGIN
  UPDATE q SET MessageId = @NewMessageId FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) WHERE Sequence = @Sequence;
  INSERT [$(Schema)].[$(Queue)] (MessageId, Topic, CorrelationId, OrderingKey, Source, Hash, EnqueuedUtc, DueUtc, DueSetUtc, Attempts, Parks,
    ReplayCount, FirstError, LastError, Headers, Payload, PayloadEscaped, Status, InGroup, SettledUtc, EndReason)
  SELECT @MessageId, q.Topic, q.CorrelationId, q.OrderingKey, q.Source, q.Hash, q.EnqueuedUtc, q.DueUtc, q.DueSetUtc, q.Attempts, q.Parks,
    q.ReplayCount, q.FirstError, q.LastError, q.Headers, q.Payload, q.PayloadEscaped, 2, 0, @Now, @Reason
  FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE q.Sequence = @Sequence;
  UPDATE q
  SET Status = 0, InGroup = 1, Blocked = CASE WHEN OrderingKey IS NULL THEN 0 ELSE 1 END, EnqueuedUtc = @Now,
    DueUtc = DATEADD(millisecond, CAST(@DelayMs % 1000 AS int), DATEADD(second, CAST(@DelayMs / 1000 AS int), @Now)), DueSetUtc = NULL,
    SettledUtc = NULL, ClaimFence = NULL, Attempts = 0, Parks = 0, Recovered = 0, ReplayCount = 0, FirstError = NULL, LastError = NULL,
    Headers = @Headers, Payload = @Payload, PayloadEscaped = COALESCE(@PayloadEscaped, 0)
  FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) WHERE Sequence = @Sequence;
  INSERT @Group (OrderingHash) SELECT OrderingHash FROM @Chosen WHERE OrderingHash IS NOT NULL;
  IF @@ROWCOUNT > 0
:r parts/queue-unblock.sql
END;
COMMIT;
SELECT CAST(CASE WHEN @Sequence IS NULL THEN 0 ELSE 1 END AS bit) AS Replaced;
GO
