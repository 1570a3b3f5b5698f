-- The calls of a dispatch run (Q4 to Q12): Begin, then SettleAndClaim until no message is left. Each is one
-- round trip (Q8, Q9). Both call the procedure in queue-settle-and-claim.sql.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Begins a run (Q9): takes the queue's lease, returns messages claimed under older fences to Ready (Q6),
-- removes messages that retention no longer keeps, and claims. If it finds no message, it releases the lease.
-- First row: Lease is 'leased-elsewhere' (Owner has it), 'released' (no message to claim) or 'acquired'
-- (under Fence and AcquisitionId). With 'acquired' an empty record set follows, then the messages. With 'released' the last row
-- is the counts of what is stored (queue-counts.sql); an error after the first row is one of counting.
-- If the tenant is idle, or another run has the lease, the answer comes from reads: no write, no log, and no
-- lock that lasts.
-- @Rooms: topics of which the claim may take only a few messages (Q4), a JSON array of
--   {"topic":"…", "room":3} or {"topic":"…", "source":"…", "room":3}
-- Without a source it stands for each source that has no entry of its own. @Handled: the topics that the caller
-- handles, in the same form without room; their parked messages become due now (D4). @ThrottledAfter: the
-- ThrottledAfter of the last answer of Begin or SettleAndClaim. @ParkedAfter: the ParkedAfter of Begin's last answer. Each
-- may be null; one call looks at a limited number of topics, and the next one goes on where it has stopped.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Begin]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Begin] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_Begin]
  @Owner nvarchar(4000),
  @LeaseMs bigint,
  @Limit int,
  @MaxBytes bigint,
  @Context nvarchar(max) = NULL,
  @RetentionMs bigint = 0,
  @PurgeLimit int = 0,
  @CallId uniqueidentifier = NULL,
  @Again bit = 0,
  @Rooms nvarchar(max) = NULL,
  @Handled nvarchar(max) = NULL,
  @ThrottledAfter nvarchar(max) = NULL,
  @ParkedAfter nvarchar(max) = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
IF @@TRANCOUNT > 0 THROW 51001, N'A run cannot begin or settle inside a transaction; commit or roll back first.', 1;
IF DATALENGTH(SUBSTRING(@Context COLLATE Latin1_General_100_BIN2, 4001, 1)) > 0
  THROW 51026, N'The context of a lease is too long; it may have 4,000 characters at most.', 1;
:r parts/queue-run-limits.sql
IF ISJSON(@Handled) = 0 OR ISJSON(@ParkedAfter) = 0 THROW 51025, N'@Handled and @ParkedAfter must be JSON arrays.', 1;
DECLARE @LeaseHash binary(32) = HASHBYTES('SHA2_256', N'queue:$(QueueName)');
DECLARE @Now datetime2(3) = SYSUTCDATETIME(), @IsOurs bit, @NextSequence bigint, @NextHash binary(32), @NextDue datetime2(3);
DECLARE @Holder nvarchar(200), @RenewedUtc datetime2(3), @ExpiresUtc datetime2(3), @Claimed int = 0;
DECLARE @ParkedTopics nvarchar(max), @ParkedMore bit = 0, @ParkedNext nvarchar(max) = @ParkedAfter;
SELECT @IsOurs = CASE WHEN Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) THEN 1 ELSE 0 END,
  @Holder = Owner, @RenewedUtc = RenewedUtc, @ExpiresUtc = ExpiresUtc
FROM [$(Schema)].[Leases] WITH (READUNCOMMITTED) WHERE NameHash = @LeaseHash AND ExpiresUtc > @Now;
IF @IsOurs = 0 AND @RenewedUtc <= DATEADD(second, 1, @Now) AND @ExpiresUtc <= DATEADD(second, 86401, @Now)
BEGIN
  SELECT N'leased-elsewhere' AS Lease, @Holder AS Owner, DATEDIFF_BIG(millisecond, CAST(SYSUTCDATETIME() AS datetime2(3)), @ExpiresUtc) AS ExpiresInMs;
  RETURN;
END;
-- Count the messages that a crashed run claimed. If a handler's transaction of that run is still settling one of
-- them, wait for the transaction's end here, before the lease is taken. After a rollback the message is still
-- claimed, so the tenant is not idle.
IF @IsOurs IS NULL
BEGIN
  SELECT @Claimed = COUNT(*) FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK) WHERE Status = 1 AND InGroup = 1;
  SET @Now = SYSUTCDATETIME();
END;
IF @IsOurs IS NULL AND @Claimed = 0 AND NOT EXISTS (
  SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
  WHERE Status = 0 AND Blocked = 2 AND InGroup = 1)
BEGIN
  IF EXISTS (
      SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
      WHERE Status = 0 AND Parks > 0 AND InGroup = 1)
    EXEC [$(Schema)].[$(Queue)_Unpark] @Handled, 0, @Now, @ParkedTopics OUTPUT, @ParkedMore OUTPUT, @ParkedNext OUTPUT;
  SELECT TOP (1) @NextSequence = Sequence, @NextHash = OrderingHash, @NextDue = DueUtc
  FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
  WHERE Status = 0 AND Blocked = 0 ORDER BY DueUtc, Sequence;
  IF @ParkedMore = 0 AND (@NextDue IS NULL OR (@NextDue > @Now AND (@NextHash IS NULL OR NOT EXISTS (
      SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
      WHERE OrderingHash = @NextHash AND InGroup = 1 AND OrderingKey IS NOT NULL AND Sequence < @NextSequence))))
    -- No due time lies too far ahead (queue-due-times.sql).
    AND NOT EXISTS (
      SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
      WHERE Status = 0 AND Blocked = 0 AND SetUtc > DATEADD(second, 1, @Now))
    AND (@PurgeLimit = 0 OR NOT EXISTS (
      SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST)
      WHERE Status = 2 AND SettledUtc < DATEADD(millisecond, -CAST(@RetentionMs % 1000 AS int),
        DATEADD(second, -CAST(@RetentionMs / 1000 AS int), @Now))))
  BEGIN
    SELECT N'released' AS Lease, CAST(0 AS bigint) AS Fence, CAST(0 AS bigint) AS ExpiresInMs, CAST(0 AS bit) AS More,
      DATEDIFF_BIG(millisecond, @Now, @NextDue) AS NextDueInMs, 0 AS Purged, 0 AS Recovered, CAST(0 AS bit) AS Throttled,
      CAST(0 AS bit) AS OnlySolo, @ParkedTopics AS ParkedTopics, @ParkedMore AS ParkedMore,
      CAST(NULL AS nvarchar(max)) AS ThrottledAfter, @ParkedNext AS ParkedAfter,
      @Now AS NowUtc;
    EXEC [$(Schema)].[$(Queue)_CountStored];
    RETURN;
  END;
END;
EXEC [$(Schema)].[$(Queue)_LeaseSettleClaim] @Owner = @Owner, @Fence = NULL, @AcquisitionId = NULL, @LeaseMs = @LeaseMs, @Context = @Context, @Outcomes = NULL,
  @Errors = NULL, @OnDead = NULL, @Then = N'claim', @Solo = 1, @Limit = @Limit, @MaxBytes = @MaxBytes, @RetentionMs = @RetentionMs,
  @PurgeLimit = @PurgeLimit, @CallId = @CallId, @Again = @Again, @InFlight = NULL, @FromUtc = @NextDue,
  @Rooms = @Rooms, @Together = 1, @Handled = @Handled, @ThrottledAfter = @ThrottledAfter, @ParkedAfter = @ParkedAfter;
GO
-- Settles outcomes, then claims, or renews or releases the lease (Q8). @Outcomes is a JSON array of
--   {"sequence":1, "messageId":"…", "kind":"done"}
--   {"sequence":2, "messageId":"…", "kind":"retry", "delayMs":5000}
--   {"sequence":3, "messageId":"…", "kind":"dead", "unstarted":false}
--   {"sequence":4, "messageId":"…", "kind":"release", "delayMs":0, "parked":false}
-- each for a message as Begin or this procedure returned it. @Errors is a JSON object of the errors by sequence:
-- {"2":"…", "3":"…"}.
-- @OnDead: the effect of a Dead message on its ordering key, 'block' or 'continue' (Q10). @Then: 'claim'
-- claims the next batch (@Solo 1: no other message of the run is in flight; @Together: the call may claim this many
-- recovered messages together, if each has been started only once, Q7; @Rooms and @ThrottledAfter: see Begin); or 'renew-lease' or
-- 'release-lease'. @FromUtc: the FromUtc of the last answer, or null to look at all due messages. Pass null at
-- least once a second; see queue-settle-and-claim.sql. @LastCallId and @Count may
-- make a call faster that settles as Done all messages in flight, if they are all from one full claim, none of them
-- recovered, and if the next claim is full too: the @CallId of that claim, if it was the last call, and how many of its
-- messages are in flight. @Keyed 0: none of these has an ordering key, which spares the call a look. @Outcomes is then not
-- read, so each outcome must be done. Such a call neither removes messages
-- nor puts throttled ones back, so pass null at least once a second, and after an answer with Purged or Throttled. The answer's
-- Short is 1 if the call was faster. Otherwise it was slower for trying, so pass null for a while after two such answers.
-- First row: Lease is 'renewed', 'released' or 'lost'; then the
-- sequences whose outcome matched no message; then the claimed messages; then, with 'released', the counts, as Begin returns them.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_SettleAndClaim]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_SettleAndClaim] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_SettleAndClaim]
  @Owner nvarchar(4000),
  @Fence bigint,
  @AcquisitionId uniqueidentifier,
  @LeaseMs bigint,
  @Outcomes nvarchar(max),
  @OnDead nvarchar(20) = N'block',
  @Then nvarchar(20) = N'claim',
  @Solo bit = 1,
  @Limit int = 0,
  @MaxBytes bigint = 0,
  @RetentionMs bigint = 0,
  @PurgeLimit int = 0,
  @CallId uniqueidentifier = NULL,
  @Again bit = 0,
  @InFlight nvarchar(max) = NULL,
  @Errors nvarchar(max) = NULL,
  @FromUtc datetime2(3) = NULL,
  @Rooms nvarchar(max) = NULL,
  @Together int = 1,
  @ThrottledAfter nvarchar(max) = NULL,
  @LastCallId uniqueidentifier = NULL,
  @Count int = NULL,
  @Keyed bit = 1
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF @Fence IS NULL OR @AcquisitionId IS NULL THROW 51004, N'@Fence or @AcquisitionId is missing; pass what Begin returned.', 1;
IF COALESCE(@Together, 0) < 1 THROW 51027, N'@Together must be 1 or more.', 1;
:r parts/queue-run-limits.sql
IF @OnDead IS NULL OR @OnDead NOT IN (N'block', N'continue') OR @Then IS NULL OR @Then NOT IN (N'claim', N'renew-lease', N'release-lease')
  THROW 51005, N'@OnDead must be block or continue, and @Then must be claim, renew-lease or release-lease.', 1;
IF @LastCallId IS NOT NULL AND @Count >= 0 AND @Again = 0 AND @Then = N'claim' AND @Errors IS NULL AND @Rooms IS NULL
BEGIN
  DECLARE @Answered bit;
  EXEC [$(Schema)].[$(Queue)_SettleDone] @Owner = @Owner, @Fence = @Fence, @AcquisitionId = @AcquisitionId, @LeaseMs = @LeaseMs, @Count = @Count, @Keyed = @Keyed,
    @LastCallId = @LastCallId, @Limit = @Limit, @MaxBytes = @MaxBytes, @CallId = @CallId, @FromUtc = @FromUtc, @Answered = @Answered OUTPUT;
  IF @Answered = 1 RETURN;
END;
EXEC [$(Schema)].[$(Queue)_LeaseSettleClaim] @Owner = @Owner, @Fence = @Fence, @AcquisitionId = @AcquisitionId, @LeaseMs = @LeaseMs, @Context = NULL, @Outcomes = @Outcomes,
  @Errors = @Errors, @OnDead = @OnDead, @Then = @Then, @Solo = @Solo, @Limit = @Limit, @MaxBytes = @MaxBytes, @RetentionMs = @RetentionMs,
  @PurgeLimit = @PurgeLimit, @CallId = @CallId, @Again = @Again, @InFlight = @InFlight, @FromUtc = @FromUtc,
  @Rooms = @Rooms, @Together = @Together, @Handled = NULL, @ThrottledAfter = @ThrottledAfter, @ParkedAfter = NULL;
GO
