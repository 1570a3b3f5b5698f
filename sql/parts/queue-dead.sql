-- Lists, replays (Q13) and discards Dead messages.
--
-- All given conditions must hold: @MessageIds (a JSON array; null: any message), @Topic (case-insensitive;
-- null: any topic), @OlderThanMs (dead for at least this long; 0: also those that died later than now, because the
-- clock was set back since, Q16). A statement whose conditions may be null is compiled for the given ones at each
-- call (OPTION (RECOMPILE)), because only people call it, and rarely.
--
-- Locks: Replay and Discard first lock the row of the queue's lease, as a run's calls do
-- (queue-settle-and-claim.sql), so that only one call at a time blocks and unblocks messages. They wait for a
-- run no longer than one of its calls takes. Producers also insert Dead messages (conflicts). Every procedure here
-- skips these until they are committed, so the counts and lists wait for nothing.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Counts the Dead messages that meet the conditions. Returns one row.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_CountDead]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_CountDead] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_CountDead]
  @MessageIds nvarchar(max) = NULL,
  @Topic nvarchar(4000) = NULL,
  @OlderThanMs bigint = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Id TABLE (MessageId uniqueidentifier NOT NULL PRIMARY KEY);
:r parts/queue-dead-ids.sql
DECLARE @Since datetime2(3) = DATEADD(millisecond, -CAST(@OlderThanMs % 1000 AS int), DATEADD(second, -CAST(@OlderThanMs / 1000 AS int), SYSUTCDATETIME()));
IF @OlderThanMs = 0 SET @Since = DATEFROMPARTS(9999, 12, 31);
SELECT COUNT_BIG(*) AS Dead FROM [$(Schema)].[$(Queue)] q WITH (READCOMMITTEDLOCK, READPAST)
WHERE q.Status = 3 AND q.SettledUtc <= @Since
  AND (@Topic IS NULL OR UPPER(q.Topic COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2
    = UPPER(@Topic COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2)
  AND (@MessageIds IS NULL OR q.MessageId IN (SELECT MessageId FROM @Id))
OPTION (RECOMPILE);
GO
-- Lists a page of Dead messages, the one that died first at the top. @After: the Sequence of the last message
-- on the previous page. If that message has since been replayed or discarded, the messages before it most likely
-- have been too, so the page then starts with the oldest Dead message.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_ListDead]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_ListDead] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_ListDead]
  @Limit int = 100,
  @After bigint = NULL,
  @MessageIds nvarchar(max) = NULL,
  @Topic nvarchar(4000) = NULL,
  @OlderThanMs bigint = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF COALESCE(@Limit, -1) < 0 THROW 51027, N'@Limit must be 0 or more.', 1;
DECLARE @Id TABLE (MessageId uniqueidentifier NOT NULL PRIMARY KEY);
:r parts/queue-dead-ids.sql
DECLARE @Since datetime2(3) = DATEADD(millisecond, -CAST(@OlderThanMs % 1000 AS int), DATEADD(second, -CAST(@OlderThanMs / 1000 AS int), SYSUTCDATETIME()));
IF @OlderThanMs = 0 SET @Since = DATEFROMPARTS(9999, 12, 31);
-- The page begins with a seek to this time, so that earlier pages are not read again.
DECLARE @AfterUtc datetime2(3);
SELECT @AfterUtc = SettledUtc FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
WHERE Sequence = @After AND Status = 3;
IF @AfterUtc IS NULL SELECT @AfterUtc = DATEFROMPARTS(1, 1, 1), @After = 0;
SELECT TOP (@Limit) q.Sequence, q.MessageId, q.Topic,
  CASE WHEN q.ContentBytes <= $(ContentLimit) THEN q.Payload END AS Payload, q.PayloadEscaped,
  CASE WHEN q.ContentBytes <= $(ContentLimit) THEN q.Headers END AS Headers,
  q.CorrelationId, q.OrderingKey,
  q.EnqueuedUtc, q.DueUtc, q.Attempts, q.Parks, q.Recovered, q.Status, q.Source, q.DedupKey, CAST(NULL AS bigint) AS ClaimFence,
  q.LastError, q.FirstError, q.ReplayCount, q.SettledUtc, CAST(0 AS bit) AS Blocked
FROM [$(Schema)].[$(Queue)] q WITH (READCOMMITTEDLOCK, READPAST)
WHERE q.Status = 3 AND q.SettledUtc <= @Since
  AND q.SettledUtc >= @AfterUtc AND (q.SettledUtc > @AfterUtc OR q.Sequence > @After)
  AND (@Topic IS NULL OR UPPER(q.Topic COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2
    = UPPER(@Topic COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2)
  AND (@MessageIds IS NULL OR q.MessageId IN (SELECT MessageId FROM @Id))
ORDER BY q.SettledUtc, q.Sequence
OPTION (RECOMPILE);
GO
-- Internal. Replays or discards at most @Limit messages, those that died first. Returns one row: their number.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_ResolveDead]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_ResolveDead] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_ResolveDead]
  @Replay bit,
  @Limit int,
  @MessageIds nvarchar(max),
  @Topic nvarchar(4000),
  @OlderThanMs bigint
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'Dead messages cannot be replayed or discarded inside a transaction; commit or roll back first.', 1;
IF COALESCE(@Limit, -1) < 0 THROW 51027, N'@Limit must be 0 or more.', 1;
DECLARE @LeaseName nvarchar(200) = N'queue:$(QueueName)', @Now datetime2(3), @Since datetime2(3), @Count int = 0;
DECLARE @Id TABLE (MessageId uniqueidentifier NOT NULL PRIMARY KEY);
DECLARE @Chosen TABLE (Sequence bigint NOT NULL PRIMARY KEY, OrderingHash binary(32) NULL);
DECLARE @Group TABLE (OrderingHash binary(32) NOT NULL PRIMARY KEY);
:r parts/queue-dead-ids.sql
EXEC [$(Schema)].[Lease_Ensure] @LeaseName;
BEGIN TRANSACTION;
-- This update changes no value; it only locks the row.
UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE NameHash = HASHBYTES('SHA2_256', @LeaseName);
SET @Now = SYSUTCDATETIME();
SET @Since = DATEADD(millisecond, -CAST(@OlderThanMs % 1000 AS int), DATEADD(second, -CAST(@OlderThanMs / 1000 AS int), @Now));
IF @OlderThanMs = 0 SET @Since = DATEFROMPARTS(9999, 12, 31);
INSERT @Chosen (Sequence, OrderingHash)
SELECT TOP (@Limit) q.Sequence, q.OrderingHash FROM [$(Schema)].[$(Queue)] q WITH (READCOMMITTEDLOCK, READPAST)
WHERE q.Status = 3 AND q.SettledUtc <= @Since
  AND (@Topic IS NULL OR UPPER(q.Topic COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2
    = UPPER(@Topic COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2)
  AND (@MessageIds IS NULL OR q.MessageId IN (SELECT MessageId FROM @Id))
ORDER BY q.SettledUtc, q.Sequence
OPTION (RECOMPILE);
SET @Count = @@ROWCOUNT;
IF @Replay = 1
  -- A message with a key returns to its place in its ordering group. Later messages of the group that were
  -- unblocked become followers.
  UPDATE q
  SET Status = 0, InGroup = 1, Blocked = CASE WHEN OrderingKey IS NULL THEN 0 ELSE 1 END, DueUtc = @Now, DueSetUtc = @Now,
    SettledUtc = NULL, ClaimFence = NULL, Attempts = 0, Parks = 0,
    ReplayCount = CASE WHEN ReplayCount < 2147483647 THEN ReplayCount + 1 ELSE ReplayCount END
  FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)
  WHERE Sequence IN (SELECT Sequence FROM @Chosen);
ELSE
  DELETE q FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) WHERE Sequence IN (SELECT Sequence FROM @Chosen);
INSERT @Group (OrderingHash) SELECT DISTINCT OrderingHash FROM @Chosen WHERE OrderingHash IS NOT NULL;
IF @@ROWCOUNT > 0
:r parts/queue-unblock.sql
COMMIT;
SELECT @Count AS Affected;
GO
-- Returns Dead messages to Ready, due now, with attempts reset and history kept (Q13). Returns one row: their
-- number.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_ReplayDead]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_ReplayDead] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_ReplayDead]
  @Limit int = 1000,
  @MessageIds nvarchar(max) = NULL,
  @Topic nvarchar(4000) = NULL,
  @OlderThanMs bigint = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
EXEC [$(Schema)].[$(Queue)_ResolveDead] 1, @Limit, @MessageIds, @Topic, @OlderThanMs;
GO
-- Deletes Dead messages for good, and unblocks the ordering keys that they blocked. Returns one row: their number.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_DiscardDead]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_DiscardDead] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_DiscardDead]
  @Limit int = 1000,
  @MessageIds nvarchar(max) = NULL,
  @Topic nvarchar(4000) = NULL,
  @OlderThanMs bigint = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
EXEC [$(Schema)].[$(Queue)_ResolveDead] 0, @Limit, @MessageIds, @Topic, @OlderThanMs;
GO
