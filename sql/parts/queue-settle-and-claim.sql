-- The procedure behind a dispatch run's calls (Q4 to Q12): Begin, then SettleAndClaim until no message is
-- left. Each call is one round trip (Q8, Q9) and one short transaction. Both call this procedure, so that
-- claiming is written once.
--
-- Order of locks, in these procedures and in all others that change messages which producers have committed:
--   1. the row of the queue's lease, so that these procedures wait for each other;
--   2. rows of the queue, each by its Sequence, so that its indexes are locked after it. No other procedure
--      changes these rows at the same time, except Complete.
-- Producers lock only rows that they insert, never the lease's row, so they and these procedures cannot
-- deadlock.
--
-- Complete runs in a handler's transaction. It locks one claimed row, and for most messages not the lease's
-- row. After Complete the transaction needs no further lock, since its commit follows at once. So a call may wait
-- for that row, even while it holds the lease's row. The run's own calls settle a message only after its handler's
-- transaction has ended. A newer run waits: it must know how the transaction ended before it returns the message
-- to Ready (section 2).
--
-- Between the lock on the lease's row and the commit, no statement may wait for a producer. Otherwise every
-- call would wait for the lease, and a handler's transaction that has enqueued and then completes would
-- deadlock with it. Therefore:
--   reads               READCOMMITTEDLOCK, READPAST: skip uncommitted rows, whatever the plan
--   reads and changes   FORCESEEK, by the keys of a table variable or of an index: never touch such rows
--   one read            FORCESEEK, READUNCOMMITTED: a claim looks for uncommitted messages and takes no lock (Q10)
--   reads of claims     FORCESEEK, by Status = 1 AND InGroup = 1: wait for Complete, never for a producer
-- An UPDATE or DELETE also has ROWLOCK, and seeks by Sequence.
--
-- @FromUtc is a low-water mark: an earlier call saw no message before this time in the index of due messages. A
-- settled message leaves a deleted entry at the front of that index. The server keeps the entry while a long
-- transaction may still read it, and each seek from the front would walk over all such entries. A producer may
-- commit a message that was due before the mark, since its due time is the time of its enqueue. So the mark is
-- used only while it is young and the batches are full: the caller drops it after a second (queue-run.sql).
--
-- The transaction is committed before the result is sent, so that no lock waits for a client that reads
-- slowly.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Internal; see Begin and SettleAndClaim. @Fence null: takes the lease; otherwise renews @AcquisitionId's. @CallId
-- identifies the call. When the answer to a call was lost, the caller sends the call again with the same id
-- and with @InFlight, its other messages in flight. If the first call was committed, nothing is done twice,
-- and the answer is reconstructed from the rows that the first call left.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_LeaseSettleClaim]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_LeaseSettleClaim] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_LeaseSettleClaim]
  @Owner nvarchar(200),
  @Fence bigint,
  @AcquisitionId uniqueidentifier,
  @LeaseMs bigint,
  @Context nvarchar(4000),
  @Outcomes nvarchar(max),
  @Errors nvarchar(max),
  @OnDead nvarchar(20),
  @Then nvarchar(20),
  @Solo bit,
  @Limit int,
  @MaxBytes bigint,
  @RetentionMs bigint,
  @PurgeLimit int,
  @CallId uniqueidentifier,
  @Again bit,
  @InFlight nvarchar(max),
  @FromUtc datetime2(3),
  @Rooms nvarchar(max),
  @Together int,
  @Handled nvarchar(max),
  @ThrottledAfter nvarchar(max),
  @ParkedAfter nvarchar(max)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
-- A call that waits longer is rolled back (1222) and repeated. Without this limit the client would cancel it
-- and not know whether it was committed. In a deadlock the server must choose this call as the victim, not an
-- application's.
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A run cannot begin or settle inside a transaction; commit or roll back first.', 1;
DECLARE @LeaseName nvarchar(200) = N'queue:$(QueueName)';
DECLARE @LeaseHash binary(32) = HASHBYTES('SHA2_256', @LeaseName);
DECLARE @Now datetime2(3), @Begin bit = 0, @Held bit = 0, @IsOurs bit = 0, @IsSuperseded bit = 0, @Committed bit = 0, @More bit = 0, @Recovered int = 0, @Purged int = 0;
DECLARE @NextDue datetime2(3), @NextSequence bigint, @NextHash binary(32), @Claimed int = 0, @Count int;
DECLARE @Raw bit = CASE WHEN LEN(JSON_VALUE(N'["\""]', N'$[0]')) = 1 THEN 0 ELSE 1 END;
DECLARE @Released bit = 0, @Latest datetime2(3), @IsAhead bit, @DrewIn bit = 0, @Keys int, @Share int, @Window int, @First int, @Cut int, @Retry bit, @Rounds int = 0;
DECLARE @HasRooms bit = 0, @Read int, @Throttles int = 0, @Throttled bit = 0, @OnlySolo bit = 0;
DECLARE @ParkedTopics nvarchar(max), @ParkedMore bit = 0;
DECLARE @Holder nvarchar(200), @ExpiresUtc datetime2(3);
DECLARE @Front datetime2(3) = DATEFROMPARTS(1, 1, 1), @From datetime2(3);
DECLARE @Claim TABLE (
  Position int IDENTITY(1, 1) NOT NULL UNIQUE,
  Sequence bigint NOT NULL PRIMARY KEY,
  OrderingHash binary(32) NULL,
  DueUtc datetime2(3) NOT NULL,
  Recovered bit NOT NULL,
  Bytes bigint NOT NULL
);
DECLARE @Outcome TABLE (
  Sequence bigint NOT NULL,
  MessageId uniqueidentifier NOT NULL,
  Kind nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
  DelayMs bigint NOT NULL,
  Error nvarchar(max) NULL,
  Parked bit NOT NULL,
  Unstarted bit NOT NULL,
  -- 1: a value does not have its column's type.
  IsBad bit NOT NULL,
  -- 1: the message is still claimed under our fence, so the outcome is applied.
  Matched bit NOT NULL DEFAULT (0),
  OrderingHash binary(32) NULL,
  -- A run that outlived a restore may have two messages of one sequence.
  PRIMARY KEY (Sequence, MessageId)
);
-- One list for three uses, one after another: the entries of @Errors, the entries of @InFlight, and the claims to
-- return to Ready. Each JSON parameter is thereby parsed only once.
DECLARE @Listed TABLE (Sequence bigint NOT NULL PRIMARY KEY, Text nvarchar(max) NULL);
DECLARE @Key TABLE (
  OrderingHash binary(32) NOT NULL PRIMARY KEY,
  Found int NOT NULL,
  -- 1: the group's head is a recovered message.
  Recovered bit NOT NULL,
  -- The first message of the group that its producer has not committed; null if there is none.
  Uncommitted bigint NULL
);
DECLARE @Chain TABLE (
  Sequence bigint NOT NULL PRIMARY KEY,
  OrderingHash binary(32) NULL,
  DueUtc datetime2(3) NOT NULL,
  Recovered bit NOT NULL,
  Bytes bigint NOT NULL,
  -- 1: at or behind a recovered message that is not the group's head.
  Behind bit NOT NULL
);
DECLARE @Group TABLE (OrderingHash binary(32) NOT NULL PRIMARY KEY);
-- Messages for which their topic has no room.
DECLARE @Full TABLE (Sequence bigint NOT NULL PRIMARY KEY);
:r parts/queue-rooms.sql
IF @Rooms IS NOT NULL
BEGIN
  SET @HasRooms = 1;
  IF EXISTS (SELECT 1 FROM @Room WHERE Topic IS NULL OR COALESCE(Room, -1) < 0)
    THROW 51025, N'In @Rooms, topic must be text and room a whole number from 0.', 1;
END;

IF @Fence IS NULL
BEGIN
  SET @Begin = 1;
  EXEC [$(Schema)].[Lease_Ensure] @LeaseName;
END;
ELSE
BEGIN
  IF ISJSON(@Outcomes) = 0 OR ISJSON(@Errors) = 0 OR ISJSON(@InFlight) = 0
    THROW 51025, N'@Outcomes and @InFlight must be JSON arrays, and @Errors a JSON object.', 1;
  IF EXISTS (SELECT 1 FROM OPENJSON(@InFlight) WHERE TRY_CAST(value AS bigint) IS NULL)
    THROW 51025, N'@InFlight must be a JSON array of sequences.', 1;
  BEGIN TRY
    INSERT @Outcome (Sequence, MessageId, Kind, DelayMs, Parked, Unstarted, IsBad)
    SELECT COALESCE(TRY_CAST(sequence AS bigint), 0),
      COALESCE(TRY_CAST(messageId AS uniqueidentifier), CAST('00000000-0000-0000-0000-000000000000' AS uniqueidentifier)), COALESCE(kind, N''),
      CASE WHEN delayMs IS NULL THEN 0 ELSE COALESCE(TRY_CAST(delayMs AS bigint), 0) END,
      CASE WHEN parked = N'true' THEN 1 ELSE 0 END, CASE WHEN unstarted = N'true' THEN 1 ELSE 0 END,
      CASE WHEN TRY_CAST(sequence AS bigint) IS NULL OR TRY_CAST(messageId AS uniqueidentifier) IS NULL OR (delayMs IS NOT NULL AND TRY_CAST(delayMs AS bigint) IS NULL)
        OR parked NOT IN (N'true', N'false') OR unstarted NOT IN (N'true', N'false') THEN 1 ELSE 0 END
    FROM OPENJSON(@Outcomes) WITH (
      sequence nvarchar(40) '$.sequence',
      messageId nvarchar(40) '$.messageId',
      kind nvarchar(20) '$.kind',
      delayMs nvarchar(40) '$.delayMs',
      parked nvarchar(40) '$.parked',
      unstarted nvarchar(40) '$.unstarted');
    IF @Errors IS NOT NULL
      INSERT @Listed (Sequence, Text)
      SELECT COALESCE(TRY_CAST([key] AS bigint), -1), CASE WHEN @Raw = 1 THEN [$(Schema)].[JsonText](value) ELSE value END
      FROM OPENJSON(@Errors);
  END TRY
  BEGIN CATCH
    IF ERROR_NUMBER() IN (2601, 2627) THROW 51025, N'Two entries of @Outcomes have the same sequence and messageId, or two of @Errors the same sequence, or an entry has none; give each its own.', 1;
    THROW;
  END CATCH;
  IF EXISTS (SELECT 1 FROM @Outcome WHERE IsBad = 1)
    THROW 51025, N'In @Outcomes, sequence and delayMs must be whole numbers, messageId must be a uniqueidentifier, and parked and unstarted must be true or false.', 1;
  IF EXISTS (SELECT 1 FROM @Listed WHERE Sequence < 0) THROW 51025, N'The names in @Errors must be sequences.', 1;
  IF EXISTS (SELECT 1 FROM @Outcome WHERE DelayMs NOT BETWEEN 0 AND 1500000000000)
    THROW 51027, N'delayMs must be milliseconds from 0 to 1500000000000.', 1;
  IF EXISTS (SELECT 1 FROM @Outcome WHERE Kind NOT IN (N'done', N'retry', N'dead', N'release'))
    THROW 51005, N'The kind of an outcome must be done, retry, dead or release.', 1;
  IF @Errors IS NOT NULL UPDATE o SET Error = e.Text FROM @Outcome o JOIN @Listed e ON e.Sequence = o.Sequence;
END;
-- A message that is released without a delay keeps its due time, which may be before @FromUtc.
SELECT @Count = COUNT(*),
  @FromUtc = CASE WHEN MAX(CASE WHEN Kind = N'release' AND DelayMs = 0 THEN 1 ELSE 0 END) = 1 THEN NULL ELSE @FromUtc END
FROM @Outcome;

BEGIN TRANSACTION;
-- 1. The lease. Its row stays locked until the end. The clock is read after the row is locked, so that
-- waiting for the lock does not shorten the lease.
UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE NameHash = @LeaseHash;
IF @Again = 1
BEGIN
  SELECT @Committed = 1, @Fence = Fence, @AcquisitionId = AcquisitionId FROM [$(Schema)].[Leases]
  WHERE NameHash = @LeaseHash AND CallId = @CallId
    AND Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND (@Begin = 1 OR Fence = @Fence);
  -- The first call released the lease, and no other run has taken it since. As with that call, look what is left.
  SELECT @Committed = 1, @Released = 1, @Held = 1 FROM [$(Schema)].[Leases]
  WHERE NameHash = @LeaseHash AND CallId = @CallId AND Owner IS NULL AND Fence = @Fence;
END;
IF @Begin = 1 AND @Committed = 0
BEGIN
  EXEC [$(Schema)].[Lease_Take] @LeaseName, @Owner, @LeaseMs, @Context, @CallId, @Fence OUTPUT, @AcquisitionId OUTPUT, @Holder OUTPUT,
    @ExpiresUtc OUTPUT;
  IF @Fence IS NULL
  BEGIN
    COMMIT;
    SELECT N'leased-elsewhere' AS Lease, @Holder AS Owner, DATEDIFF_BIG(millisecond, CAST(SYSUTCDATETIME() AS datetime2(3)), @ExpiresUtc) AS ExpiresInMs;
    RETURN;
  END;
  SET @Held = 1;
END;
ELSE
BEGIN
  SET @Now = SYSUTCDATETIME();
  UPDATE [$(Schema)].[Leases]
  SET RenewedUtc = @Now,
    ExpiresUtc = DATEADD(millisecond, CAST(@LeaseMs % 1000 AS int), DATEADD(second, CAST(@LeaseMs / 1000 AS int), @Now)),
    CallId = @CallId
  WHERE NameHash = @LeaseHash AND Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND Fence = @Fence
    AND AcquisitionId = @AcquisitionId;
  IF @@ROWCOUNT = 1 SET @Held = 1;
  -- The rows that are claimed under our fence are ours only while the lease's last acquisition is ours: after a
  -- restore another run may have the same fence.
  SELECT @IsOurs = CASE WHEN Fence = @Fence AND AcquisitionId = @AcquisitionId THEN 1 ELSE 0 END,
    @IsSuperseded = CASE WHEN Fence > @Fence THEN 1 ELSE 0 END
  FROM [$(Schema)].[Leases] WHERE NameHash = @LeaseHash;
END;
-- Read the clock after waiting for the row, so that messages enqueued meanwhile are due.
SET @Now = SYSUTCDATETIME();

-- 2. Messages that a crashed run had claimed return to Ready at once, each to be claimed by itself (Q6, Q7).
-- If a handler's transaction of that run is still settling one of them, wait for the transaction's end: after a
-- commit the message is Done, after a rollback it is still claimed. A skipped message would stay claimed with no
-- run to settle it.
IF @Begin = 1 AND @Committed = 0
BEGIN
  INSERT @Listed (Sequence)
  SELECT Sequence FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE Status = 1 AND InGroup = 1;
  IF @@ROWCOUNT > 0
  BEGIN
    INSERT @Group (OrderingHash)
    SELECT DISTINCT OrderingHash FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK)
    WHERE Status = 1 AND InGroup = 1 AND OrderingHash IS NOT NULL;
    UPDATE q
    SET Status = 0, Recovered = 1, ClaimFence = NULL, Blocked = CASE WHEN OrderingKey IS NULL THEN 0 ELSE 1 END
    FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)
    WHERE Sequence IN (SELECT Sequence FROM @Listed) AND Status = 1;
    SET @Recovered = @@ROWCOUNT;
  END;
  -- Parked messages of the topics that this host handles are due now (D4).
  IF EXISTS (
      SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
      WHERE Status = 0 AND Parks > 0 AND InGroup = 1)
    EXEC [$(Schema)].[$(Queue)_Unpark] @Handled, 1, @Now, @ParkedTopics OUTPUT, @ParkedMore OUTPUT, @ParkedAfter OUTPUT;
END;

-- 3. Apply the outcomes (Q8), each to a message that is still claimed by our acquisition. This is tried even if the
-- lease was released or has expired.
IF @Count > 0
BEGIN
  IF @Committed = 0 AND @IsOurs = 1
    UPDATE o SET Matched = 1, OrderingHash = q.OrderingHash
    FROM @Outcome o JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK)
      ON q.Sequence = o.Sequence AND q.MessageId = o.MessageId
    WHERE q.Status = 1 AND q.ClaimFence = @Fence;
  INSERT @Group (OrderingHash) SELECT DISTINCT OrderingHash FROM @Outcome WHERE OrderingHash IS NOT NULL;
  UPDATE q
  SET Status = CASE o.Kind WHEN N'done' THEN 2 WHEN N'dead' THEN 3 ELSE 0 END,
    -- Without a delay a released message keeps its place among the due messages.
    DueUtc = CASE WHEN o.Kind = N'retry' OR (o.Kind = N'release' AND o.DelayMs > 0)
      THEN DATEADD(millisecond, CAST(o.DelayMs % 1000 AS int), DATEADD(second, CAST(o.DelayMs / 1000 AS int), @Now))
      ELSE q.DueUtc END,
    DueSetUtc = CASE WHEN o.Kind = N'retry' OR (o.Kind = N'release' AND o.DelayMs > 0) THEN @Now ELSE q.DueSetUtc END,
    SettledUtc = CASE WHEN o.Kind IN (N'done', N'dead') THEN @Now END,
    -- A release, or an outcome of an unstarted message, takes back the attempt that this claim counted (Q5).
    -- Another program may have set them to 0 meanwhile; the table would refuse less, and with it the whole batch (Q15).
    Attempts = q.Attempts - CASE WHEN (o.Kind = N'release' OR o.Unstarted = 1) AND q.Attempts > 0 THEN 1 ELSE 0 END,
    Parks = CASE WHEN o.Parked = 0 THEN 0 WHEN q.Parks < 2147483647 THEN q.Parks + 1 ELSE q.Parks END,
    Recovered = CASE WHEN o.Kind = N'release' THEN q.Recovered ELSE 0 END,
    -- A message that goes back into its ordering group is blocked until it is the group's head.
    Blocked = CASE WHEN o.Kind IN (N'retry', N'release') AND q.OrderingKey IS NOT NULL THEN 1 ELSE 0 END,
    InGroup = CASE WHEN o.Kind = N'done' OR (o.Kind = N'dead' AND @OnDead = N'continue') THEN 0 ELSE 1 END,
    FirstError = COALESCE(q.FirstError, o.Error),
    LastError = COALESCE(o.Error, q.LastError)
  FROM @Outcome o JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) ON q.Sequence = o.Sequence
  WHERE o.Matched = 1 AND q.Status = 1 AND q.ClaimFence = @Fence;
  -- A repeated call also matches the rows that its first sending settled: they still have our fence, also if another
  -- run has taken the lease since.
  IF @Again = 1 AND (@IsOurs = 1 OR @IsSuperseded = 1)
    UPDATE o SET Matched = 1
    FROM @Outcome o JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK)
      ON q.Sequence = o.Sequence AND q.MessageId = o.MessageId
    WHERE o.Matched = 0 AND q.ClaimFence = @Fence AND (q.Status <> 1 OR @Committed = 1);
END;
-- The first sending of a repeated call may have unblocked messages that were due before @FromUtc.
SET @From = CASE WHEN @FromUtc <= @Now AND @Recovered = 0 AND @Committed = 0 AND @Then <> N'release-lease' THEN @FromUtc ELSE @Front END;
IF EXISTS (SELECT 1 FROM @Group)
BEGIN
:r parts/queue-unblock.sql
  -- A head that is unblocked may have been due before @From.
  IF @From > @Front
    SELECT @From = MIN(d.DueUtc) FROM (
      SELECT @From AS DueUtc
      UNION ALL
      SELECT h.DueUtc FROM @Group k CROSS APPLY (
        SELECT TOP (1) l.Status, l.DueUtc FROM [$(Schema)].[$(Queue)] l WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
        WHERE l.OrderingHash = k.OrderingHash AND l.InGroup = 1 AND l.OrderingKey IS NOT NULL ORDER BY l.Sequence) h
      WHERE h.Status = 0
    ) d;
END;

-- 4. Remove Done messages whose retention is over (Q12): the oldest first, a limited number at a time.
IF @PurgeLimit > 4000 SET @PurgeLimit = 4000;
IF @Held = 1 AND @Committed = 0 AND @PurgeLimit > 0
BEGIN
  DELETE q FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK) WHERE Sequence IN (
    SELECT TOP (@PurgeLimit) Sequence FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 2 AND SettledUtc < DATEADD(millisecond, -CAST(@RetentionMs % 1000 AS int),
      DATEADD(second, -CAST(@RetentionMs / 1000 AS int), @Now))
    ORDER BY SettledUtc, Sequence);
  SET @Purged = @@ROWCOUNT;
END;

-- 5. The claim (Q4).
IF @Begin = 1 AND @Committed = 0 EXEC [$(Schema)].[$(Queue)_DrawInDueTimes] @Now;
IF @Held = 1 AND EXISTS (
    SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND Blocked = 2 AND InGroup = 1)
  SET @Throttled = 1;
:r parts/queue-claim.sql

-- 6. Find out when the next of the remaining messages is due (Q11), and block the followers before it in the
--    index.
WHILE @Held = 1
BEGIN
  SELECT @NextSequence = NULL, @NextHash = NULL, @NextDue = NULL;
  SELECT TOP (1) @NextSequence = Sequence, @NextHash = OrderingHash, @NextDue = DueUtc
  FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
  WHERE Status = 0 AND Blocked = 0 AND DueUtc >= @From ORDER BY DueUtc, Sequence;
  -- 1: the clock was set back since a due time was set (queue-due-times.sql).
  SET @Latest = DATEADD(second, 1, SYSUTCDATETIME());
  SET @IsAhead = CASE WHEN EXISTS (
      SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
      WHERE Status = 0 AND Blocked = 0 AND SetUtc > @Latest) THEN 1 ELSE 0 END;
  -- After a full claim that met no follower in its way, the next one finds out whether this message is a follower. Those
  -- that it meets in their turn are then never blocked.
  IF @IsAhead = 0 AND (@NextHash IS NULL OR (@Claimed = @Limit AND @Claimed > 0 AND @Rounds = 0 AND @NextDue <= @Now) OR (
    NOT EXISTS (
      SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
      WHERE OrderingHash = @NextHash AND InGroup = 1 AND OrderingKey IS NOT NULL AND Sequence < @NextSequence)
    AND NOT EXISTS (
      SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
      WHERE OrderingHash = @NextHash AND Status = 1 AND InGroup = 1)))
    BREAK;
  -- The next call blocks the remaining followers, or draws in the remaining due times. Until then the next due time
  -- is unknown, so report it as now.
  IF @Rounds >= 4
  BEGIN
    SET @NextDue = @Now;
    BREAK;
  END;
  IF @IsAhead = 1
  BEGIN
    EXEC [$(Schema)].[$(Queue)_DrawInDueTimes] @Now;
    SET @DrewIn = 1;
  END;
  ELSE EXEC [$(Schema)].[$(Queue)_BlockFollowers] 4000, @From;
  SET @Rounds = @Rounds + 1;
END;
IF @NextDue <= @Now SET @More = 1;
-- Throttled messages are due, and can be claimed when their topic has room.
IF @Throttled = 1 OR @HasRooms = 1
  SET @Throttled = CASE WHEN @Held = 1 AND EXISTS (
      SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
      WHERE Status = 0 AND Blocked = 2 AND InGroup = 1) THEN 1 ELSE 0 END;
IF @Throttled = 1 AND (@NextDue IS NULL OR @NextDue > @Now) SET @NextDue = @Now;

-- 7. The lease is released when the caller asks for it, or when the run has no message left (Q8, Q9). If due times were
-- drawn in, the next claim takes their messages.
IF @Held = 1 AND @Committed = 0 AND (@Then = N'release-lease' OR (@Then = N'claim' AND @Solo = 1 AND @Claimed = 0 AND (@DrewIn = 0 OR @More = 0)))
BEGIN
  UPDATE [$(Schema)].[Leases] SET Owner = NULL, ExpiresUtc = NULL, Context = NULL WHERE NameHash = @LeaseHash;
  SET @Released = 1;
END;
IF @Released = 1 AND @Throttled = 1 SET @More = 1;
IF @Committed = 1
BEGIN
  DELETE FROM @Listed;
  IF @InFlight IS NOT NULL
    INSERT @Listed (Sequence) SELECT DISTINCT TRY_CAST(value AS bigint) FROM OPENJSON(@InFlight);
  INSERT @Claim (Sequence, OrderingHash, DueUtc, Recovered, Bytes)
  SELECT q.Sequence, NULL, q.DueUtc, q.Recovered, 0 FROM [$(Schema)].[$(Queue)] q WITH (READCOMMITTEDLOCK, READPAST)
  WHERE q.Status = 1 AND q.ClaimFence = @Fence AND NOT EXISTS (SELECT 1 FROM @Listed f WHERE f.Sequence = q.Sequence)
  ORDER BY CASE WHEN q.OrderingHash IS NULL THEN q.DueUtc
    ELSE MAX(q.DueUtc) OVER (PARTITION BY q.OrderingHash ORDER BY q.Sequence ROWS UNBOUNDED PRECEDING) END, q.Sequence;
END;
COMMIT;

SELECT CASE WHEN @Released = 1 THEN N'released' WHEN @Held = 0 THEN N'lost' WHEN @Begin = 1 THEN N'acquired' ELSE N'renewed' END AS Lease,
  @Fence AS Fence, @AcquisitionId AS AcquisitionId,
  CASE WHEN @Held = 1 AND @Released = 0 THEN @LeaseMs - DATEDIFF_BIG(millisecond, @Now, CAST(SYSUTCDATETIME() AS datetime2(3))) ELSE 0 END AS ExpiresInMs,
  @More AS More, CASE WHEN @NextDue <= @Now THEN 0 ELSE DATEDIFF_BIG(millisecond, @Now, @NextDue) END AS NextDueInMs,
  @Purged AS Purged, @Recovered AS Recovered, @Throttled AS Throttled, @OnlySolo AS OnlySolo,
  @ParkedTopics AS ParkedTopics, @ParkedMore AS ParkedMore, @ThrottledAfter AS ThrottledAfter, @ParkedAfter AS ParkedAfter,
  CASE WHEN @Held = 0 OR @Rounds >= 4 THEN NULL WHEN @NextDue <= @Now THEN @NextDue ELSE @Now END AS FromUtc, @Now AS NowUtc;
SELECT DISTINCT Sequence FROM @Outcome WHERE Matched = 0;
:r parts/queue-claimed-columns.sql
FROM @Claim c JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK) ON q.Sequence = c.Sequence
WHERE q.Status = 1 AND q.ClaimFence = @Fence
ORDER BY c.Position;
-- The run ends with this call, so it reports what it leaves. If this fails, the caller has its answer already.
IF @Released = 1 EXEC [$(Schema)].[$(Queue)_CountStored];
GO
