-- Counts of a work queue, and one message as it is stored. They are for people, never for a plan (F6).
-- The blocked messages are those whose Blocked is 1, and the followers that no run has met yet.
--
-- These reads wait for no open transaction of a producer or a handler, whether READ_COMMITTED_SNAPSHOT is on or
-- off. The counts skip rows that are not committed. Done messages are the exception. There may be millions, so
-- they are counted without a lock for each row. The count therefore includes a message as soon as its handler's
-- transaction has called Complete, before that transaction commits.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Statistics]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Statistics] AS RETURN 0');
GO
-- Returns one row: how many messages are in each state. Each count reads the index that contains only those
-- rows.
ALTER PROCEDURE [$(Schema)].[$(Queue)_Statistics]
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
SELECT f.Ready + b.Blocked AS Ready, f.Due, f.Followers + b.Blocked AS Blocked, f.Parked + b.Parked AS Parked, c.Claimed, d.Done,
  e.Dead, DATEDIFF_BIG(millisecond, f.NextDueUtc, @Now) AS NextDueAgeMs
FROM (
    SELECT COUNT(*) AS Ready, COALESCE(SUM(v.IsFollower), 0) AS Followers,
      COALESCE(SUM(CASE WHEN v.DueUtc <= @Now AND v.IsFollower = 0 THEN 1 ELSE 0 END), 0) AS Due,
      COALESCE(SUM(CASE WHEN v.Parks > 0 THEN 1 ELSE 0 END), 0) AS Parked,
      MIN(CASE WHEN v.IsFollower = 0 THEN v.DueUtc END) AS NextDueUtc
    FROM (
      SELECT q.DueUtc, q.Parks, CASE WHEN
:r parts/queue-is-follower.sql
        THEN 1 ELSE 0 END AS IsFollower
      FROM [$(Schema)].[$(Queue)] q WITH (READCOMMITTEDLOCK, READPAST) WHERE q.Status = 0 AND q.Blocked = 0
      UNION ALL
      SELECT DueUtc, Parks, 0 FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST) WHERE Status = 0 AND Blocked = 2
    ) v
  ) f
  CROSS JOIN (
    SELECT COUNT(*) AS Blocked, COALESCE(SUM(CASE WHEN Parks > 0 THEN 1 ELSE 0 END), 0) AS Parked
    FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST)
    WHERE InGroup = 1 AND OrderingKey IS NOT NULL AND Status = 0 AND Blocked = 1
  ) b
  CROSS JOIN (SELECT COUNT(*) AS Claimed FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) WHERE Status = 1 AND InGroup = 1) c
  CROSS JOIN (SELECT COUNT_BIG(*) AS Done FROM [$(Schema)].[$(Queue)] WITH (READUNCOMMITTED) WHERE Status = 2) d
  CROSS JOIN (SELECT COUNT(*) AS Dead FROM [$(Schema)].[$(Queue)] WITH (READCOMMITTEDLOCK, READPAST) WHERE Status = 3) e;
GO
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Get]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Get] AS RETURN 0');
GO
-- Returns one row, the message as it is stored; none if it does not exist, or if its producer has not committed.
-- With READ_COMMITTED_SNAPSHOT off it waits while the message's own handler or run commits, at most 10 seconds.
ALTER PROCEDURE [$(Schema)].[$(Queue)_Get]
  @MessageId uniqueidentifier
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A message cannot be read inside a transaction; commit or roll back first.', 1;
-- The index of ids contains both columns. The message's producer locks its entry there, and so does a call that replaces or
-- removes the message.
DECLARE @LeaseName nvarchar(200) = N'queue:$(QueueName)', @Sequence bigint;
SELECT @Sequence = Sequence FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) WHERE MessageId = @MessageId;
IF @Sequence IS NULL
BEGIN
  -- With the row of the queue's lease locked, only a producer can still have locked the entry.
  EXEC [$(Schema)].[Lease_Ensure] @LeaseName;
  BEGIN TRANSACTION;
  UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE NameHash = HASHBYTES('SHA2_256', @LeaseName);
  SELECT @Sequence = Sequence FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) WHERE MessageId = @MessageId;
  COMMIT;
END;
SELECT q.Sequence, q.MessageId, q.Topic,
  CASE WHEN q.ContentBytes <= $(ContentLimit) THEN q.Payload END AS Payload, q.PayloadEscaped,
  CASE WHEN q.ContentBytes <= $(ContentLimit) THEN q.Headers END AS Headers,
  q.CorrelationId, q.OrderingKey,
  q.EnqueuedUtc, q.DueUtc, q.Attempts, q.Parks, q.Recovered, q.Status, q.Source, q.DedupKey,
  CASE WHEN q.Status = 1 THEN q.ClaimFence END AS ClaimFence, q.LastError, q.FirstError, q.ReplayCount, q.SettledUtc, q.EndReason,
  CAST(CASE WHEN q.Status = 0 AND q.OrderingHash IS NOT NULL AND (q.Blocked = 1 OR
:r parts/queue-is-follower.sql
    ) THEN 1 ELSE 0 END AS bit) AS Blocked
FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK) WHERE q.Sequence = @Sequence;
GO
