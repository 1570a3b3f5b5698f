-- Settles a message inside a transaction of its handler (T1).
--
-- Locks: the message, until the commit, which the caller sends next. Settling a message with an ordering key
-- also unblocks its group, and while a recovered message is in flight no other may be claimed. For a message of either
-- kind the procedure first locks the row of the queue's lease, in the same order as a run's calls
-- (queue-settle-and-claim.sql). For all others it leaves that row alone if the lease is ours, so that the run's calls and
-- other handlers do not wait for the commit. No procedure of a run waits for rows that the handler locked earlier,
-- in its own tables or by enqueuing.
--
-- The isolation level is set to READ COMMITTED whatever the handler's is, because SQL Server refuses READPAST
-- at SERIALIZABLE. A transaction at SNAPSHOT may change to this level, and only the COMMIT follows.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
-- Settles the message as Done if this acquisition of the lease still has it claimed: a restored backup repeats sequences
-- and fences, but not @MessageId and @AcquisitionId. Returns one row: Settled. If it is 0, the caller must roll
-- back. @Again: asks whether an earlier call was committed, when the answer to its COMMIT was lost. Ask outside of any
-- transaction: inside one, this query would see the transaction's own uncommitted row.
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Complete]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Complete] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[$(Queue)_Complete]
  @Sequence bigint,
  @MessageId uniqueidentifier,
  @Fence bigint,
  @AcquisitionId uniqueidentifier,
  @Again bit = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
IF @Again = 1 SET DEADLOCK_PRIORITY LOW;
SET ANSI_PADDING, ANSI_WARNINGS, CONCAT_NULL_YIELDS_NULL ON; SET NUMERIC_ROUNDABORT OFF;
IF @Again = 0 AND @@TRANCOUNT = 0 THROW 51002, N'No transaction is open on this connection; begin one first.', 1;
IF @Again = 1 AND @@TRANCOUNT > 0 THROW 51001, N'Ask outside a transaction whether a message was completed; commit or roll back first.', 1;
DECLARE @LeaseHash binary(32) = HASHBYTES('SHA2_256', N'queue:$(QueueName)'), @IsOurs bit = 0, @IsMessage bit = 0, @Settled bit = 0, @LocksLease bit = 0;
DECLARE @Group TABLE (OrderingHash binary(32) NOT NULL PRIMARY KEY);
-- These reads take no lock. The two columns of the message do not change while it is claimed under @Fence. Those of the
-- lease may be another host's, which takes the lease and may still roll back. So if they are not ours, they are read again
-- under the row's lock. @Again: the message keeps our fence when another run has taken the lease since.
SELECT @IsOurs = 1 FROM [$(Schema)].[Leases] WITH (READUNCOMMITTED)
WHERE NameHash = @LeaseHash AND ((Fence = @Fence AND AcquisitionId = @AcquisitionId) OR (@Again = 1 AND Fence > @Fence));
SELECT @IsMessage = 1, @LocksLease = CASE WHEN OrderingKey IS NOT NULL OR Recovered = 1 OR @IsOurs = 0 THEN 1 ELSE 0 END
FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READUNCOMMITTED) WHERE Sequence = @Sequence AND MessageId = @MessageId;
IF @Again = 1 BEGIN TRANSACTION;
IF @LocksLease = 1
BEGIN
  -- This update changes no value; it only locks the row.
  UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE NameHash = @LeaseHash;
  SET @IsOurs = 0;
  SELECT @IsOurs = 1 FROM [$(Schema)].[Leases]
  WHERE NameHash = @LeaseHash AND ((Fence = @Fence AND AcquisitionId = @AcquisitionId) OR (@Again = 1 AND Fence > @Fence));
END;
IF @IsMessage = 0 SET @IsOurs = 0;
IF @Again = 1
BEGIN
  -- This update changes no value. It waits for the row until the server has ended the lost transaction.
  UPDATE q SET Status = Status FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, XLOCK, ROWLOCK) WHERE Sequence = @Sequence;
  SELECT @Settled = 1 FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK)
  WHERE Sequence = @Sequence AND ClaimFence = @Fence AND Status = 2 AND @IsOurs = 1;
  COMMIT;
END;
ELSE
BEGIN
  UPDATE q
  SET Status = 2, SettledUtc = SYSUTCDATETIME(), Parks = 0, Recovered = 0, Blocked = 0, InGroup = 0
  FROM [$(Schema)].[$(Queue)] q WITH (FORCESEEK, ROWLOCK)
  WHERE Sequence = @Sequence AND ClaimFence = @Fence AND Status = 1 AND @IsOurs = 1;
  IF @@ROWCOUNT = 1 SET @Settled = 1;
  INSERT @Group (OrderingHash)
  SELECT OrderingHash FROM [$(Schema)].[$(Queue)] WITH (FORCESEEK, READCOMMITTEDLOCK)
  WHERE Sequence = @Sequence AND OrderingHash IS NOT NULL AND @Settled = 1;
  IF @@ROWCOUNT > 0
:r parts/queue-unblock.sql
END;
SELECT @Settled AS Settled;
GO
