-- The call of a busy run (Q8): each of its messages in flight is Done, and the next batch is full, without recovered
-- messages. SettleAndClaim tries it first when its caller expects this. It does a part of what
-- LeaseSettleClaim does (queue-settle-and-claim.sql), in the same order and with the same locks, but with few statements and
-- no table variable, so it takes a fraction of the time. What it does not expect it leaves to LeaseSettleClaim, and has
-- then written nothing.
--
-- It needs no list of outcomes. The lease's row keeps the id of the last call that was committed. If that is the claim whose
-- answer was all that is in flight, no restore has taken that claim back, and no other call has claimed since. So the
-- claimed messages are those of that answer, but for those that handlers' transactions have settled; @Count tells of
-- these.
--
-- None of the messages is left to a handler's transaction, so no Complete locks them now, and these statements may read
-- them by their index.
--
-- Ordering groups (Q10): once all messages in flight are Done, no message of any group is claimed, and the first members of
-- each group may be claimed, as far as they are due. The claim takes the oldest messages of the index of due messages,
-- whatever their keys. If it left out a member before one that it took (a Dead, blocked, throttled, recovered or
-- uncommitted one, or one that is not due), the call takes everything back, and LeaseSettleClaim blocks the followers.
-- While it holds the lease's row, nothing changes in a group except that producers add messages, because Complete locks that row
-- too for a message with a key. The members that come next after the settled ones may be blocked. One more is unblocked than
-- was claimed, not only the head, so that a group of many messages goes on to fill a batch, and a group whose messages are due
-- before all others takes more of the next one.
--
-- It neither removes messages, nor puts throttled ones back, nor draws in due times. So once a second the caller does
-- not ask for it, nor while an answer says that there is something of this to do.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Internal; see SettleAndClaim. @Count: how many messages are in flight; @Keyed: 0 if none of them has an ordering key.
-- @Answered: 0 if nothing was done and nothing returned.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_SettleDone]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_SettleDone] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_SettleDone]
  @Owner nvarchar(200),
  @Fence bigint,
  @AcquisitionId uniqueidentifier,
  @LeaseMs bigint,
  @Count int,
  @Keyed bit,
  @LastCallId uniqueidentifier,
  @Limit int,
  @MaxBytes bigint,
  @CallId uniqueidentifier,
  @FromUtc datetime2(3),
  @Answered bit OUTPUT
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A run cannot begin or settle inside a transaction; commit or roll back first.', 1;
SET @Answered = 0;
DECLARE @LeaseHash binary(32) = HASHBYTES('SHA2_256', N'queue:$(QueueName)'), @Now datetime2(3);
DECLARE @From datetime2(3) = DATEFROMPARTS(1, 1, 1), @NextHash binary(32), @NextUtc datetime2(3), @Plain int, @Keys int, @Bytes bigint;
DECLARE @Unblock int = 0, @UnblockedUtc datetime2(3);

BEGIN TRANSACTION;
-- Lock the row before reading the clock: waiting for the lock must not shorten the lease.
UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE NameHash = @LeaseHash;
SET @Now = SYSUTCDATETIME();
UPDATE [$(Schema)].[Leases]
SET RenewedUtc = @Now,
  ExpiresUtc = DATEADD(millisecond, CAST(@LeaseMs % 1000 AS int), DATEADD(second, CAST(@LeaseMs / 1000 AS int), @Now)),
  CallId = @CallId
WHERE NameHash = @LeaseHash AND Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND Fence = @Fence
  AND AcquisitionId = @AcquisitionId AND CallId = @LastCallId;
IF @@ROWCOUNT = 0
BEGIN
  ROLLBACK;
  RETURN;
END;
-- Unblock while the index of claims still tells the groups.
IF @Keyed = 1
BEGIN
  SELECT @Unblock = COUNT(*), @UnblockedUtc = MIN(n.DueUtc)
:r parts/queue-next-of-groups.sql
  WHERE n.Status = 0 AND n.Blocked = 1;
  IF @Unblock > 0
    UPDATE q SET Blocked = 0
:r parts/queue-next-of-groups.sql
      JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) ON q.Sequence = n.Sequence
    WHERE q.Status = 0 AND q.Blocked = 1;
END;
UPDATE q
SET Status = 2, SettledUtc = @Now, Parks = 0, Recovered = 0, InGroup = 0
FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)
WHERE Sequence IN (
    SELECT Sequence FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE Status = 1 AND InGroup = 1)
  AND Status = 1 AND ClaimFence = @Fence AND (@Keyed = 1 OR OrderingKey IS NULL);
IF @@ROWCOUNT <> @Count
BEGIN
  ROLLBACK;
  RETURN;
END;
IF @FromUtc <= @Now SET @From = @FromUtc;
-- An unblocked message may have been due before @From.
IF @UnblockedUtc < @From SET @From = @UnblockedUtc;
-- Another program may have stored the greatest integer; adding to it would fail the whole claim.
UPDATE q
SET Status = 1, ClaimFence = @Fence, Attempts = CASE WHEN Attempts < 2147483647 THEN Attempts + 1 ELSE Attempts END
FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)
WHERE Sequence IN (
    SELECT TOP (@Limit) Sequence FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Blocked = 0 AND DueUtc >= @From AND DueUtc <= @Now ORDER BY DueUtc, Sequence);
SELECT @Plain = SUM(CASE WHEN Recovered = 0 AND ClaimFence = @Fence THEN 1 ELSE -1 END),
  @Keys = SUM(CASE WHEN OrderingHash IS NULL THEN 0 ELSE 1 END), @Bytes = SUM(ContentBytes)
FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE Status = 1 AND InGroup = 1;
-- No claimed message may overtake another of its key. This read also sees messages that producers have not committed, and
-- takes no lock (Q10).
IF @Keys > 0 AND EXISTS (
    SELECT 1
    FROM (
        SELECT OrderingHash, MAX(Sequence) AS Sequence FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK)
        WHERE Status = 1 AND InGroup = 1 AND OrderingHash IS NOT NULL GROUP BY OrderingHash) l
      CROSS APPLY (
        SELECT TOP (1) e.Sequence FROM [$(Schema)].[$(Queue)] e WITH (FORCESEEK, READUNCOMMITTED)
        WHERE e.OrderingHash = l.OrderingHash AND e.InGroup = 1 AND e.OrderingKey IS NOT NULL AND e.Sequence < l.Sequence
          AND e.Status <> 1
        ORDER BY e.OrderingHash, e.Sequence) o)
  SET @Plain = 0;
IF @Plain IS NULL OR @Plain <> @Limit OR @Bytes > @MaxBytes
BEGIN
  ROLLBACK;
  RETURN;
END;
SELECT TOP (1) @NextHash = OrderingHash, @NextUtc = DueUtc
FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
WHERE Status = 0 AND Blocked = 0 AND DueUtc >= @From ORDER BY DueUtc, Sequence;
COMMIT;
SET @Answered = 1;

-- A next message with a key may be a follower, so it is not known when it can be claimed: the next call finds out. Until
-- then there may be more.
SELECT N'renewed' AS Lease, @Fence AS Fence, @AcquisitionId AS AcquisitionId,
  @LeaseMs - DATEDIFF_BIG(millisecond, @Now, CAST(SYSUTCDATETIME() AS datetime2(3))) AS ExpiresInMs,
  CAST(CASE WHEN @NextUtc <= @Now OR @NextHash IS NOT NULL THEN 1 ELSE 0 END AS bit) AS More,
  CASE WHEN @NextUtc <= @Now OR @NextHash IS NOT NULL THEN 0 ELSE DATEDIFF_BIG(millisecond, @Now, @NextUtc) END AS NextDueInMs,
  0 AS Purged, 0 AS Recovered, CAST(0 AS bit) AS Throttled, CAST(0 AS bit) AS OnlySolo,
  CAST(NULL AS nvarchar(max)) AS ParkedTopics, CAST(0 AS bit) AS ParkedMore,
  CAST(NULL AS nvarchar(max)) AS ThrottledAfter, CAST(NULL AS nvarchar(max)) AS ParkedAfter,
  CASE WHEN @NextUtc <= @Now THEN @NextUtc ELSE @Now END AS FromUtc, @Now AS NowUtc, CAST(1 AS bit) AS Short;
SELECT CAST(NULL AS bigint) AS Sequence WHERE 1 = 0;
:r parts/queue-claimed-columns.sql
FROM (
    -- A message never comes before its predecessor. The sort needs no payloads.
    SELECT TOP (@Limit) Sequence, ComesUtc FROM (
      SELECT Sequence, CASE WHEN OrderingHash IS NULL THEN DueUtc
        ELSE MAX(DueUtc) OVER (PARTITION BY OrderingHash ORDER BY Sequence ROWS UNBOUNDED PRECEDING) END AS ComesUtc
      FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE Status = 1 AND InGroup = 1) o
    ORDER BY ComesUtc, Sequence) c
  JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK) ON q.Sequence = c.Sequence
WHERE q.Status = 1 AND q.ClaimFence = @Fence
ORDER BY c.ComesUtc, c.Sequence;
GO
