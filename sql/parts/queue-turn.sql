-- A dispatch run's calls (Q4 to Q12): Begin, then Settle until nothing is left. Each is one round trip (Q8, Q9) and one
-- short transaction; both are one procedure inside, Turn, so that claiming is written once.
--
-- Order of locks, in these and in all procedures that change messages which producers have committed:
--   1. the row of the queue's lease, which makes all of them wait for each other;
--   2. rows of the queue, which therefore nobody else changes at the same time.
-- Producers take locks of kind 2 on rows of their own alone and never 1: neither can deadlock with the other.
--
-- The transaction is committed before the result is sent: however slowly a client reads, no lock waits for it.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Internal; see Begin and Settle. @Fence null: take the lease; else: renew it.
-- @CallId names the call. When the answer to a call was lost the caller sends it again under the same id, and with
-- @InFlight, the messages it has in hand besides: if the first was committed, nothing is done twice and the answer is
-- put together from what the first has left.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Turn]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Turn] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_Turn]
  @Owner nvarchar(200),
  @Fence bigint,
  @LeaseMs bigint,
  @Context nvarchar(4000),
  @Outcomes nvarchar(max),
  @Errors nvarchar(max),
  @OnDead nvarchar(10),
  @Then nvarchar(10),
  @Solo bit,
  @Limit int,
  @MaxBytes bigint,
  @RetentionMs bigint,
  @PurgeLimit int,
  @CallId uniqueidentifier,
  @Again bit,
  @InFlight nvarchar(max)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF @@TRANCOUNT > 0 THROW 51001, N'A run cannot begin or settle inside a transaction.', 1;
DECLARE @LeaseName nvarchar(200) = LOWER(N'queue:$(Queue)');
DECLARE @LeaseHash binary(32) = HASHBYTES('SHA2_256', @LeaseName);
DECLARE @Now datetime2(3), @Begin bit = 0, @Held bit = 0, @Committed bit = 0, @More bit = 0, @Recovered int = 0, @Purged int = 0;
DECLARE @NextDue datetime2(3), @NextSequence bigint, @NextHash binary(32), @Claimed int = 0, @Count int;
DECLARE @Raw bit = CASE WHEN LEN(JSON_VALUE(N'["\""]', N'$[0]')) = 1 THEN 0 ELSE 1 END;
DECLARE @Released bit = 0, @Keys int, @Share int, @Window int, @First int, @Cut int;
DECLARE @Claim TABLE (
  Position int IDENTITY(1, 1) NOT NULL PRIMARY KEY,
  Sequence bigint NOT NULL,
  OrderingHash binary(32) NULL,
  DueUtc datetime2(3) NOT NULL,
  Recovered bit NOT NULL,
  Bytes bigint NOT NULL
);
DECLARE @Outcome TABLE (
  Sequence bigint NOT NULL PRIMARY KEY,
  Kind nvarchar(10) COLLATE Latin1_General_100_BIN2 NOT NULL,
  DelayMs bigint NOT NULL,
  Error nvarchar(max) NULL,
  Parked bit NOT NULL,
  Unstarted bit NOT NULL
);
DECLARE @Mine TABLE (Sequence bigint NOT NULL PRIMARY KEY, OrderingHash binary(32) NULL);
DECLARE @Lost TABLE (Sequence bigint NOT NULL);
DECLARE @Key TABLE (OrderingHash binary(32) NOT NULL PRIMARY KEY, Found int NOT NULL);
DECLARE @Chain TABLE (
  Sequence bigint NOT NULL PRIMARY KEY,
  OrderingHash binary(32) NULL,
  DueUtc datetime2(3) NOT NULL,
  Recovered bit NOT NULL,
  -- At or behind a recovered message that is not the line's head.
  Behind bit NOT NULL
);
DECLARE @Line TABLE (OrderingHash binary(32) NOT NULL PRIMARY KEY);

IF @Fence IS NULL
BEGIN
  SET @Begin = 1;
  EXEC [$(Schema)].[Lease_Ensure] @LeaseName;
END;
ELSE IF @Outcomes IS NOT NULL
BEGIN
  INSERT @Outcome (Sequence, Kind, DelayMs, Parked, Unstarted)
  SELECT sequence, kind, COALESCE(delayMs, 0), COALESCE(parked, 0), COALESCE(unstarted, 0)
  FROM OPENJSON(@Outcomes) WITH (
    sequence bigint '$.sequence',
    kind nvarchar(10) '$.kind',
    delayMs bigint '$.delayMs',
    parked bit '$.parked',
    unstarted bit '$.unstarted');
  IF @Errors IS NOT NULL
    UPDATE o SET Error = CASE WHEN @Raw = 1 THEN [$(Schema)].[JsonText](e.value) ELSE e.value END
    FROM @Outcome o JOIN OPENJSON(@Errors) e ON CAST(e.[key] AS bigint) = o.Sequence;
END;
SET @Count = (SELECT COUNT(*) FROM @Outcome);

BEGIN TRANSACTION;
-- 1. The lease. Its row stays locked until the end.
IF @Again = 1
BEGIN
  UPDATE [$(Schema)].[Leases] SET Fence = Fence WHERE NameHash = @LeaseHash;
  SELECT @Committed = 1, @Fence = Fence FROM [$(Schema)].[Leases]
  WHERE NameHash = @LeaseHash AND CallId = @CallId
    AND Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND (@Begin = 1 OR Fence = @Fence);
  -- It has given the lease back, and nobody has taken it since.
  SELECT @Committed = 1, @Released = 1 FROM [$(Schema)].[Leases]
  WHERE NameHash = @LeaseHash AND CallId = @CallId AND Owner IS NULL AND Fence = @Fence;
END;
IF @Begin = 1 AND @Committed = 0
BEGIN
  EXEC [$(Schema)].[Lease_Take] @LeaseName, @Owner, @LeaseMs, @Context, @CallId, @Fence OUTPUT;
  IF @Fence IS NULL
  BEGIN
    COMMIT;
    SELECT N'others' AS Lease, Owner, DATEDIFF_BIG(millisecond, SYSUTCDATETIME(), ExpiresUtc) AS ExpiresInMs
    FROM [$(Schema)].[Leases] WHERE NameHash = @LeaseHash;
    RETURN;
  END;
END;
ELSE
BEGIN
  -- Written even when it is not ours, for the lock.
  SET @Now = SYSUTCDATETIME();
  UPDATE [$(Schema)].[Leases]
  SET RenewedUtc = CASE WHEN Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND Fence = @Fence THEN @Now ELSE RenewedUtc END,
    ExpiresUtc = CASE WHEN Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND Fence = @Fence
      THEN DATEADD(millisecond, CAST(@LeaseMs % 1000 AS int), DATEADD(second, CAST(@LeaseMs / 1000 AS int), @Now))
      ELSE ExpiresUtc END,
    CallId = CASE WHEN Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND Fence = @Fence THEN @CallId ELSE CallId END
  WHERE NameHash = @LeaseHash;
END;
SELECT @Held = 1 FROM [$(Schema)].[Leases]
WHERE NameHash = @LeaseHash AND Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND Fence = @Fence;
-- Read after the wait for the row: what was enqueued meanwhile is due.
SET @Now = SYSUTCDATETIME();

-- 2. What a crashed run had claimed goes back to Ready at once, to be run alone (Q6, Q7).
IF @Begin = 1 AND @Committed = 0
  AND EXISTS (SELECT 1 FROM [$(Schema)].[$(Queue)] WHERE Status = 1)
BEGIN
  INSERT @Line (OrderingHash) SELECT DISTINCT OrderingHash FROM [$(Schema)].[$(Queue)] WHERE Status = 1 AND OrderingHash IS NOT NULL;
  UPDATE [$(Schema)].[$(Queue)]
  SET Status = 0, Recovered = 1, ClaimFence = NULL, HeldBack = CASE WHEN OrderingKey IS NULL THEN 0 ELSE 1 END
  WHERE Status = 1;
  SET @Recovered = @@ROWCOUNT;
END;

-- 3. Outcomes (Q8), each to a row that is still claimed under our fence. They are tried though the lease is lost.
IF @Count > 0
BEGIN
  INSERT @Mine (Sequence, OrderingHash)
  SELECT q.Sequence, q.OrderingHash FROM @Outcome o JOIN [$(Schema)].[$(Queue)] q ON q.Sequence = o.Sequence
  WHERE q.Status = 1 AND q.ClaimFence = @Fence AND @Committed = 0;
  -- A call sent again finds rows that its first sending has settled: those bear our fence and are not lost.
  IF @@ROWCOUNT < @Count
    INSERT @Lost (Sequence)
    SELECT o.Sequence FROM @Outcome o
    WHERE NOT EXISTS (SELECT 1 FROM @Mine m WHERE m.Sequence = o.Sequence)
      AND NOT (@Again = 1 AND EXISTS (
        SELECT 1 FROM [$(Schema)].[$(Queue)] q
        WHERE q.Sequence = o.Sequence AND q.ClaimFence = @Fence AND (q.Status <> 1 OR @Committed = 1)));
  INSERT @Line (OrderingHash) SELECT DISTINCT OrderingHash FROM @Mine WHERE OrderingHash IS NOT NULL;
  UPDATE q
  SET Status = CASE o.Kind WHEN N'done' THEN 2 WHEN N'dead' THEN 3 ELSE 0 END,
    -- Without a delay a released message keeps its place among the due ones.
    DueUtc = CASE WHEN o.Kind = N'retry' OR (o.Kind = N'release' AND o.DelayMs > 0)
      THEN DATEADD(millisecond, CAST(o.DelayMs % 1000 AS int), DATEADD(second, CAST(o.DelayMs / 1000 AS int), @Now))
      ELSE q.DueUtc END,
    SettledUtc = CASE WHEN o.Kind IN (N'done', N'dead') THEN @Now END,
    -- Not started: the attempt of this claim is taken back (Q5).
    Attempts = q.Attempts - CASE WHEN o.Kind = N'release' OR o.Unstarted = 1 THEN 1 ELSE 0 END,
    Parks = CASE WHEN o.Parked = 1 THEN q.Parks + 1 ELSE 0 END,
    Recovered = CASE WHEN o.Kind = N'release' THEN q.Recovered ELSE 0 END,
    -- A message that goes back into its line waits there until its line lets it forward.
    HeldBack = CASE WHEN o.Kind IN (N'retry', N'release') AND q.OrderingKey IS NOT NULL THEN 1 ELSE 0 END,
    InLine = CASE WHEN o.Kind = N'done' OR (o.Kind = N'dead' AND @OnDead = N'continue') THEN 0 ELSE 1 END,
    FirstError = COALESCE(q.FirstError, o.Error),
    LastError = COALESCE(o.Error, q.LastError)
  FROM [$(Schema)].[$(Queue)] q JOIN @Outcome o ON o.Sequence = q.Sequence
  WHERE q.Status = 1 AND q.ClaimFence = @Fence AND @Committed = 0;
END;
IF EXISTS (SELECT 1 FROM @Line)
:r parts/queue-let-forward.sql

-- 4. Retention (Q12): the oldest first, few at a time, by the holder alone.
IF @Held = 1 AND @Committed = 0 AND @PurgeLimit > 0
BEGIN
  DELETE FROM [$(Schema)].[$(Queue)] WHERE Sequence IN (
    SELECT TOP (@PurgeLimit) Sequence FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
    WHERE Status = 2 AND SettledUtc < DATEADD(millisecond, -CAST(@RetentionMs % 1000 AS int),
      DATEADD(second, -CAST(@RetentionMs / 1000 AS int), @Now))
    ORDER BY SettledUtc, Sequence);
  SET @Purged = @@ROWCOUNT;
END;

-- 5. The claim (Q4): the oldest due first; with the head of a line those due right behind it (Q10).
IF @Held = 1 AND @Committed = 0 AND @Then = N'claim'
  -- Nothing is handed out beside a recovered message in flight (Q7).
  AND NOT (@Solo = 0 AND EXISTS (SELECT 1 FROM [$(Schema)].[$(Queue)] WHERE Status = 1 AND Recovered = 1))
BEGIN
  SET @Again = 1;
  WHILE @Again = 1
  BEGIN
    SET @Again = 0;
    INSERT @Claim (Sequence, OrderingHash, DueUtc, Recovered, Bytes)
    SELECT TOP (@Limit) Sequence, OrderingHash, DueUtc, Recovered, DATALENGTH(Payload)
    FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
    WHERE Status = 0 AND HeldBack = 0 AND DueUtc <= @Now ORDER BY DueUtc, Sequence;
    SET @Count = @@ROWCOUNT;
    IF EXISTS (SELECT 1 FROM @Claim WHERE OrderingHash IS NOT NULL)
    BEGIN
      -- Of each line the first messages, as many as were found in front and a share of the room that is left.
      DELETE FROM @Key;
      DELETE FROM @Chain;
      INSERT @Key (OrderingHash, Found)
      SELECT c.OrderingHash, COUNT(*) FROM @Claim c
      WHERE c.OrderingHash IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM [$(Schema)].[$(Queue)] r WITH (READCOMMITTEDLOCK, READPAST)
        WHERE r.OrderingHash = c.OrderingHash AND r.Status = 1)
      GROUP BY c.OrderingHash;
      SET @Keys = @@ROWCOUNT;
      -- All the room that is left, and one more to know whether anything is behind; less where many lines are read.
      SET @Share = 1 + @Limit - @Count;
      IF @Keys * @Share > 10000 SET @Share = 1 + 10000 / @Keys;
      -- A message's turn is not before its predecessor's. The first that is not due, or Dead, ends the chain; and so does
      -- a recovered one, which becomes the head, and is run alone, once those before it have settled.
      INSERT @Chain (Sequence, OrderingHash, DueUtc, Recovered, Behind)
      SELECT t.Sequence, t.OrderingHash, t.Turn, t.Recovered, CASE WHEN t.Stops > 0 THEN 1 ELSE 0 END
      FROM (
        SELECT n.Sequence, n.OrderingHash, n.Recovered,
          MAX(n.DueUtc) OVER (PARTITION BY n.OrderingHash ORDER BY n.Sequence ROWS UNBOUNDED PRECEDING) AS Turn,
          SUM(CASE WHEN n.Status = 0 AND n.DueUtc <= @Now THEN 0 ELSE 1 END)
            OVER (PARTITION BY n.OrderingHash ORDER BY n.Sequence ROWS UNBOUNDED PRECEDING) AS Breaks,
          SUM(CASE WHEN n.Recovered = 1 AND n.Nth > 1 THEN 1 ELSE 0 END)
            OVER (PARTITION BY n.OrderingHash ORDER BY n.Sequence ROWS UNBOUNDED PRECEDING) AS Stops
        FROM (
          SELECT k.OrderingHash, l.Sequence, l.Status, l.DueUtc, l.Recovered,
            ROW_NUMBER() OVER (PARTITION BY k.OrderingHash ORDER BY l.Sequence) AS Nth
          FROM @Key k CROSS APPLY (
            SELECT TOP (k.Found + @Share) q.Sequence, q.Status, q.DueUtc, q.Recovered
            FROM [$(Schema)].[$(Queue)] q WITH (READCOMMITTEDLOCK, READPAST)
            WHERE q.OrderingHash = k.OrderingHash AND q.InLine = 1 AND q.OrderingKey IS NOT NULL
            ORDER BY q.Sequence) l
        ) n
      ) t WHERE t.Breaks = 0;
      DELETE FROM @Chain WHERE Behind = 1;
      IF @@ROWCOUNT > 0 SET @More = 1;
      IF EXISTS (
        SELECT 1 FROM @Claim c
        WHERE c.OrderingHash IS NOT NULL AND NOT EXISTS (SELECT 1 FROM @Chain h WHERE h.Sequence = c.Sequence))
      BEGIN
        -- Strays. Where they took others' places the claim is made anew, without them.
        SET @Window = CASE WHEN @Limit > 4000 THEN @Limit ELSE 4000 END;
        EXEC [$(Schema)].[$(Queue)_HoldBack] @Window;
        IF @Count = @Limit SET @Again = 1;
      END;
      IF @Again = 0
      BEGIN
        INSERT @Chain (Sequence, OrderingHash, DueUtc, Recovered, Behind)
        SELECT Sequence, NULL, DueUtc, Recovered, 0 FROM @Claim WHERE OrderingHash IS NULL;
        DELETE FROM @Claim;
        INSERT @Claim (Sequence, OrderingHash, DueUtc, Recovered, Bytes)
        SELECT TOP (@Limit) h.Sequence, h.OrderingHash, h.DueUtc, h.Recovered, DATALENGTH(q.Payload)
        FROM @Chain h JOIN [$(Schema)].[$(Queue)] q ON q.Sequence = h.Sequence
        ORDER BY h.DueUtc, h.Sequence;
        -- Those left over stand right behind what is claimed: there is more, once that has settled.
        IF (SELECT COUNT(*) FROM @Chain) > @Limit SET @More = 1;
      END;
    END;
    IF @Again = 1 DELETE FROM @Claim;
  END;
  -- A recovered message is handed out alone, and only when nothing else of the run is in flight (Q7).
  SELECT @First = MIN(Position), @Cut = MIN(CASE WHEN Recovered = 1 THEN Position END) FROM @Claim;
  IF @Cut IS NOT NULL
  BEGIN
    IF @Cut = @First AND @Solo = 1 SET @Cut = @Cut + 1;
    DELETE FROM @Claim WHERE Position >= @Cut;
    IF @@ROWCOUNT > 0 SET @More = 1;
  END;
  -- Payload bytes: at least one message, whatever its size; a large one is not overtaken.
  IF (SELECT SUM(Bytes) FROM @Claim) > @MaxBytes
  BEGIN
    DELETE FROM @Claim WHERE Position > @First AND Position IN (
      SELECT r.Position FROM (
        SELECT Position, SUM(Bytes) OVER (ORDER BY Position ROWS UNBOUNDED PRECEDING) AS Running FROM @Claim
      ) r WHERE r.Running > @MaxBytes);
    IF @@ROWCOUNT > 0 SET @More = 1;
  END;
  UPDATE [$(Schema)].[$(Queue)]
  SET Status = 1, ClaimFence = @Fence, Attempts = Attempts + 1, HeldBack = 0
  WHERE Sequence IN (SELECT Sequence FROM @Claim);
  SET @Claimed = @@ROWCOUNT;
END;

-- 6. What is left: when the next message is due (Q11), strays in front of it held back.
WHILE @Held = 1
BEGIN
  SELECT @NextSequence = NULL, @NextHash = NULL, @NextDue = NULL;
  SELECT TOP (1) @NextSequence = Sequence, @NextHash = OrderingHash, @NextDue = DueUtc
  FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
  WHERE Status = 0 AND HeldBack = 0 ORDER BY DueUtc, Sequence;
  IF @NextHash IS NULL BREAK;
  IF NOT EXISTS (
      SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
      WHERE OrderingHash = @NextHash AND InLine = 1 AND OrderingKey IS NOT NULL AND Sequence < @NextSequence)
    AND NOT EXISTS (
      SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
      WHERE OrderingHash = @NextHash AND Status = 1)
    BREAK;
  EXEC [$(Schema)].[$(Queue)_HoldBack] 4000;
END;
IF @NextDue <= @Now SET @More = 1;

-- 7. The lease goes back when that is asked for, or when the run has nothing left to do (Q8, Q9).
IF @Held = 1 AND @Committed = 0 AND (@Then = N'release' OR (@Then = N'claim' AND @Solo = 1 AND @Claimed = 0))
BEGIN
  UPDATE [$(Schema)].[Leases] SET Owner = NULL, ExpiresUtc = NULL, Context = NULL WHERE NameHash = @LeaseHash;
  SET @Released = 1;
END;
IF @Committed = 1
BEGIN
  INSERT @Claim (Sequence, OrderingHash, DueUtc, Recovered, Bytes)
  SELECT Sequence, NULL, DueUtc, Recovered, 0 FROM [$(Schema)].[$(Queue)]
  WHERE Status = 1 AND ClaimFence = @Fence
    AND Sequence NOT IN (SELECT CAST(value AS bigint) FROM OPENJSON(COALESCE(@InFlight, N'[]')))
  ORDER BY CASE WHEN OrderingHash IS NULL THEN DueUtc ELSE EnqueuedUtc END, Sequence;
END;
COMMIT;

SELECT CASE WHEN @Released = 1 THEN N'released' WHEN @Held = 1 THEN N'held' ELSE N'lost' END AS Lease, @Fence AS Fence,
  CASE WHEN @Held = 1 AND @Released = 0 THEN @LeaseMs - DATEDIFF_BIG(millisecond, @Now, SYSUTCDATETIME()) ELSE 0 END AS ExpiresInMs,
  @More AS More, CASE WHEN @NextDue <= @Now THEN 0 ELSE DATEDIFF_BIG(millisecond, @Now, @NextDue) END AS NextDueInMs,
  @Purged AS Purged, @Recovered AS Recovered;
SELECT q.Sequence, q.MessageId, q.Topic, q.Payload, q.PayloadEscaped, q.Headers, q.CorrelationId, q.OrderingKey,
  q.EnqueuedUtc, q.DueUtc, q.Attempts, q.Parks, q.Recovered, q.Source, q.DedupKey
FROM @Claim c JOIN [$(Schema)].[$(Queue)] q ON q.Sequence = c.Sequence
WHERE q.Status = 1 AND q.ClaimFence = @Fence
ORDER BY c.Position;
SELECT Sequence FROM @Lost;
GO
