-- A dispatch run's calls (Q4 to Q12): Begin, then Settle until nothing is left. Each is one round trip (Q8, Q9). What
-- they do is in queue-turn.sql.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Begins a run (Q9): takes the queue's lease, returns to Ready what older fences had claimed (Q6), removes what the
-- retention allows, claims; finding nothing it gives the lease back. First row: Lease is 'others' (Owner has it),
-- 'released' (nothing to do) or 'held' (ours, under Fence); then the messages.
-- A tenant that is idle, or served by somebody else, is told so from reads alone: no lock, no write, no log.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Begin]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Begin] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_Begin]
  @Owner nvarchar(200),
  @LeaseMs bigint,
  @Limit int,
  @MaxBytes bigint,
  @Context nvarchar(4000) = NULL,
  @RetentionMs bigint = 0,
  @PurgeLimit int = 0,
  @CallId uniqueidentifier = NULL,
  @Again bit = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @LeaseHash binary(32) = HASHBYTES('SHA2_256', LOWER(N'queue:$(Queue)'));
DECLARE @Now datetime2(3) = SYSUTCDATETIME(), @Holder bit, @NextSequence bigint, @NextHash binary(32), @NextDue datetime2(3);
SELECT @Holder = CASE WHEN Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) THEN 0 ELSE 1 END
FROM [$(Schema)].[Leases] WHERE NameHash = @LeaseHash AND ExpiresUtc > @Now;
IF @Holder = 1
BEGIN
  SELECT N'others' AS Lease, Owner, DATEDIFF_BIG(millisecond, SYSUTCDATETIME(), ExpiresUtc) AS ExpiresInMs
  FROM [$(Schema)].[Leases] WHERE NameHash = @LeaseHash;
  RETURN;
END;
IF @Holder IS NULL
  AND NOT EXISTS (SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST) WHERE Status = 1)
  AND (@PurgeLimit = 0 OR NOT EXISTS (
    SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
    WHERE Status = 2 AND SettledUtc < DATEADD(millisecond, -CAST(@RetentionMs % 1000 AS int),
      DATEADD(second, -CAST(@RetentionMs / 1000 AS int), @Now))))
BEGIN
  SELECT TOP (1) @NextSequence = Sequence, @NextHash = OrderingHash, @NextDue = DueUtc
  FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
  WHERE Status = 0 AND HeldBack = 0 ORDER BY DueUtc, Sequence;
  IF @NextDue IS NULL OR (@NextDue > @Now AND (@NextHash IS NULL OR NOT EXISTS (
    SELECT 1 FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
    WHERE OrderingHash = @NextHash AND InLine = 1 AND OrderingKey IS NOT NULL AND Sequence < @NextSequence)))
  BEGIN
    SELECT N'released' AS Lease, CAST(0 AS bigint) AS Fence, CAST(0 AS bigint) AS ExpiresInMs, CAST(0 AS bit) AS More,
      DATEDIFF_BIG(millisecond, @Now, @NextDue) AS NextDueInMs, 0 AS Purged, 0 AS Recovered;
    RETURN;
  END;
END;
EXEC [$(Schema)].[$(Queue)_Turn] @Owner = @Owner, @Fence = NULL, @LeaseMs = @LeaseMs, @Context = @Context, @Outcomes = NULL,
  @Errors = NULL, @OnDead = NULL, @Then = N'claim', @Solo = 1, @Limit = @Limit, @MaxBytes = @MaxBytes, @RetentionMs = @RetentionMs,
  @PurgeLimit = @PurgeLimit, @CallId = @CallId, @Again = @Again, @InFlight = NULL;
GO
-- Settles outcomes and goes on (Q8). @Outcomes is a JSON array of
--   {"sequence":1, "kind":"done"}
--   {"sequence":2, "kind":"retry", "delayMs":5000}
--   {"sequence":3, "kind":"dead", "unstarted":false}
--   {"sequence":4, "kind":"release", "delayMs":0, "parked":false}
-- and @Errors a JSON object of the errors by sequence: {"2":"…", "3":"…"}.
-- @OnDead: what a Dead message does to its ordering key, 'block' or 'continue' (Q10). @Then: 'claim' the next batch
-- (@Solo 1: nothing else of the run is in flight), 'keep' or 'release' the lease. First row: Lease is 'held',
-- 'released' or 'lost'; then the messages claimed; then the sequences whose outcome was lost.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Settle]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Settle] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_Settle]
  @Owner nvarchar(200),
  @Fence bigint,
  @LeaseMs bigint,
  @Outcomes nvarchar(max),
  @OnDead nvarchar(10) = N'block',
  @Then nvarchar(10) = N'claim',
  @Solo bit = 1,
  @Limit int = 0,
  @MaxBytes bigint = 0,
  @RetentionMs bigint = 0,
  @PurgeLimit int = 0,
  @CallId uniqueidentifier = NULL,
  @Again bit = 0,
  @InFlight nvarchar(max) = NULL,
  @Errors nvarchar(max) = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
IF @Fence IS NULL THROW 51004, N'@Fence is missing: a run settles under the fence that Begin gave it.', 1;
IF @OnDead NOT IN (N'block', N'continue') OR @Then NOT IN (N'claim', N'keep', N'release')
  THROW 51005, N'@OnDead must be block or continue, @Then must be claim, keep or release.', 1;
EXEC [$(Schema)].[$(Queue)_Turn] @Owner = @Owner, @Fence = @Fence, @LeaseMs = @LeaseMs, @Context = NULL, @Outcomes = @Outcomes,
  @Errors = @Errors, @OnDead = @OnDead, @Then = @Then, @Solo = @Solo, @Limit = @Limit, @MaxBytes = @MaxBytes, @RetentionMs = @RetentionMs,
  @PurgeLimit = @PurgeLimit, @CallId = @CallId, @Again = @Again, @InFlight = @InFlight;
GO
