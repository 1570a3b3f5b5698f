-- Dead messages: looking at them, replaying them (Q13), discarding them.
--
-- Conditions, all of which must hold: @MessageIds (a JSON array; null: any), @Topic (without regard to case; null: any),
-- @OlderThanMs (dead for at least this long).
--
-- Locks: Replay and Discard take the row of the queue's lease first, as a run's calls do (queue-turn.sql), so that lines
-- are moved by one at a time; a run that is in progress is waited for no longer than one of its calls takes.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- One row: how many Dead messages the conditions mean.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_CountDead]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_CountDead] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_CountDead]
  @MessageIds nvarchar(max) = NULL,
  @Topic nvarchar(200) = NULL,
  @OlderThanMs bigint = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Since datetime2(3) = DATEADD(millisecond, -CAST(@OlderThanMs % 1000 AS int), DATEADD(second, -CAST(@OlderThanMs / 1000 AS int), SYSUTCDATETIME()));
SELECT COUNT_BIG(*) AS Dead FROM [$(Schema)].[$(Queue)] q
WHERE q.Status = 3 AND q.SettledUtc <= @Since
  AND (@Topic IS NULL OR UPPER(q.Topic) = UPPER(@Topic))
  AND (@MessageIds IS NULL OR q.MessageId IN (SELECT CAST(value AS uniqueidentifier) FROM OPENJSON(@MessageIds)));
GO
-- A page, the oldest death first. @After: the last message's Sequence of the page before. When that one was replayed or
-- discarded since, so were most likely those before it: the page then starts with the oldest there is.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_ListDead]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_ListDead] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_ListDead]
  @Limit int = 100,
  @After bigint = NULL,
  @MessageIds nvarchar(max) = NULL,
  @Topic nvarchar(200) = NULL,
  @OlderThanMs bigint = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Since datetime2(3) = DATEADD(millisecond, -CAST(@OlderThanMs % 1000 AS int), DATEADD(second, -CAST(@OlderThanMs / 1000 AS int), SYSUTCDATETIME()));
DECLARE @AfterUtc datetime2(3);
SELECT @AfterUtc = SettledUtc FROM [$(Schema)].[$(Queue)] WHERE Sequence = @After AND Status = 3;
SELECT TOP (@Limit) q.Sequence, q.MessageId, q.Topic, q.Payload, q.PayloadEscaped, q.Headers, q.CorrelationId, q.OrderingKey,
  q.EnqueuedUtc, q.DueUtc, q.Attempts, q.Parks, q.Recovered, q.Status, q.Source, q.DedupKey, CAST(NULL AS bigint) AS ClaimFence,
  q.LastError, q.FirstError, q.ReplayCount, q.SettledUtc, CAST(0 AS bit) AS HeldBack
FROM [$(Schema)].[$(Queue)] q
WHERE q.Status = 3 AND q.SettledUtc <= @Since
  AND (@AfterUtc IS NULL OR q.SettledUtc > @AfterUtc OR (q.SettledUtc = @AfterUtc AND q.Sequence > @After))
  AND (@Topic IS NULL OR UPPER(q.Topic) = UPPER(@Topic))
  AND (@MessageIds IS NULL OR q.MessageId IN (SELECT CAST(value AS uniqueidentifier) FROM OPENJSON(@MessageIds)))
ORDER BY q.SettledUtc, q.Sequence;
GO
-- Internal. Replays or discards at most @Limit messages, the oldest death first; one row: how many.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Bury]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Bury] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_Bury]
  @Replay bit,
  @Limit int,
  @MessageIds nvarchar(max),
  @Topic nvarchar(200),
  @OlderThanMs bigint
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF @@TRANCOUNT > 0 THROW 51001, N'Dead messages cannot be replayed or discarded inside a transaction.', 1;
DECLARE @LeaseName nvarchar(200) = LOWER(N'queue:$(Queue)'), @Now datetime2(3), @Since datetime2(3), @Count int = 0;
DECLARE @Chosen TABLE (Sequence bigint NOT NULL PRIMARY KEY, OrderingHash binary(32) NULL);
DECLARE @Line TABLE (OrderingHash binary(32) NOT NULL PRIMARY KEY);
EXEC [$(Schema)].[Lease_Ensure] @LeaseName;
BEGIN TRANSACTION;
-- Changes nothing; for the lock.
UPDATE [$(Schema)].[Leases] SET Fence = Fence WHERE NameHash = HASHBYTES('SHA2_256', @LeaseName);
SET @Now = SYSUTCDATETIME();
SET @Since = DATEADD(millisecond, -CAST(@OlderThanMs % 1000 AS int), DATEADD(second, -CAST(@OlderThanMs / 1000 AS int), @Now));
INSERT @Chosen (Sequence, OrderingHash)
SELECT TOP (@Limit) q.Sequence, q.OrderingHash FROM [$(Schema)].[$(Queue)] q
WHERE q.Status = 3 AND q.SettledUtc <= @Since
  AND (@Topic IS NULL OR UPPER(q.Topic) = UPPER(@Topic))
  AND (@MessageIds IS NULL OR q.MessageId IN (SELECT CAST(value AS uniqueidentifier) FROM OPENJSON(@MessageIds)))
ORDER BY q.SettledUtc, q.Sequence;
SET @Count = @@ROWCOUNT;
IF @Replay = 1
  -- A message of a key goes back into its line, behind nobody it stood before; later ones in front become strays.
  UPDATE [$(Schema)].[$(Queue)]
  SET Status = 0, InLine = 1, HeldBack = CASE WHEN OrderingKey IS NULL THEN 0 ELSE 1 END, DueUtc = @Now, SettledUtc = NULL,
    ClaimFence = NULL, Attempts = 0, Parks = 0, ReplayCount = ReplayCount + 1
  WHERE Sequence IN (SELECT Sequence FROM @Chosen);
ELSE
  DELETE FROM [$(Schema)].[$(Queue)] WHERE Sequence IN (SELECT Sequence FROM @Chosen);
INSERT @Line (OrderingHash) SELECT DISTINCT OrderingHash FROM @Chosen WHERE OrderingHash IS NOT NULL;
IF @@ROWCOUNT > 0
:r parts/queue-let-forward.sql
COMMIT;
SELECT @Count AS Affected;
GO
-- Back to Ready, due now, attempts reset, history kept (Q13). One row: how many.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_ReplayDead]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_ReplayDead] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_ReplayDead]
  @Limit int = 1000,
  @MessageIds nvarchar(max) = NULL,
  @Topic nvarchar(200) = NULL,
  @OlderThanMs bigint = 0
AS
SET NOCOUNT ON;
EXEC [$(Schema)].[$(Queue)_Bury] 1, @Limit, @MessageIds, @Topic, @OlderThanMs;
GO
-- Removes them for good; a key they held goes on. One row: how many.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_DiscardDead]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_DiscardDead] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_DiscardDead]
  @Limit int = 1000,
  @MessageIds nvarchar(max) = NULL,
  @Topic nvarchar(200) = NULL,
  @OlderThanMs bigint = 0
AS
SET NOCOUNT ON;
EXEC [$(Schema)].[$(Queue)_Bury] 0, @Limit, @MessageIds, @Topic, @OlderThanMs;
GO
