-- Leases (L1 to L3): one durable row for each name, the same in tenant databases and in the registry.
--
-- A lease whose renewal is later than now, by more than a second, was renewed before the clock was set back (Q16). A
-- server that keeps its time moves its clock by less. The lease would last longer than any lease, so its end is drawn in when another owner asks for it: it then ends after its own duration.
-- No owner takes a lease for more than a day, so a lease that ends later than that is another program's: it then ends after
-- the duration for which the other owner asks.
--
-- All times are the database's own, from SYSUTCDATETIME(), as datetime2(3). Drivers and programs keep
-- milliseconds, so reading and writing a time does not change it, and all readers agree on what is due. The
-- cast rounds, so a difference from a stored time also needs the cast; without it a lease of 30 s could end in
-- 30,001 ms.
--
-- Names and owners are compared exactly: case, accents and trailing blanks count. T-SQL's = ignores trailing
-- blanks in every collation; therefore the key is a hash, and every comparison of owners also compares
-- DATALENGTH.
--
-- No lease may be taken, renewed or released inside a caller's transaction, because a rollback would undo the
-- call.
--
-- The first read of a lease, and the list of leases, are READUNCOMMITTED: with READ_COMMITTED_SNAPSHOT off they
-- would otherwise wait for a handler that is committing. The read can only answer that another owner has the
-- lease, and this answer is at most one commit out of date. A call that takes the lease locks its row first.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
IF OBJECT_ID(N'[$(Schema)].[Leases]', N'U') IS NULL
BEGIN
  CREATE TABLE [$(Schema)].[Leases] (
    Name nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    NameHash AS CAST(HASHBYTES('SHA2_256', Name) AS binary(32)) PERSISTED NOT NULL,
    -- Null when the lease is free.
    Owner nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
    -- Rises by one at every acquisition, never otherwise (L2). After the largest, which only another program can store, comes 1.
    Fence bigint NOT NULL,
    -- Identifies the last acquisition, also after its release. A restored backup repeats fences, but not this id (Q8).
    AcquisitionId uniqueidentifier NULL,
    AcquiredUtc datetime2(3) NULL,
    RenewedUtc datetime2(3) NULL,
    ExpiresUtc datetime2(3) NULL,
    Context nvarchar(4000) NULL,
    -- The id of the last committed call of a work queue's run. A caller that lost an answer sends the same id
    -- again and learns whether the call was committed.
    CallId uniqueidentifier NULL,
    -- It refuses what no program could read (Q15).
    CONSTRAINT [CK_Leases_Fence] CHECK (Fence BETWEEN 0 AND 9007199254740991)
  );
  CREATE UNIQUE CLUSTERED INDEX [UX_Leases_NameHash] ON [$(Schema)].[Leases] (NameHash) WITH (ALLOW_PAGE_LOCKS = OFF);
END;
GO
-- Internal. Inserts the lease's row if it is missing, so that taking the lease is an update of one row.
-- Locks: no lock outlasts the statement.
IF OBJECT_ID(N'[$(Schema)].[Lease_Ensure]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Ensure] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Ensure]
  @Name nvarchar(200)
AS
SET NOCOUNT ON;
-- XACT_ABORT must be off, because the duplicate key error that is caught below would otherwise doom the
-- batch.
SET XACT_ABORT OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Hash binary(32) = HASHBYTES('SHA2_256', @Name);
IF EXISTS (SELECT 1 FROM [$(Schema)].[Leases] WITH (READUNCOMMITTED) WHERE NameHash = @Hash) RETURN;
BEGIN TRY
  INSERT [$(Schema)].[Leases] (Name, Fence) VALUES (@Name, 0);
END TRY
BEGIN CATCH
  -- Ignore a duplicate key: another session has just inserted the row.
  IF ERROR_NUMBER() NOT IN (2601, 2627) THROW;
END CATCH;
GO
-- Internal. Takes the lease if it is free, has expired, or already belongs to this owner (L2). @Fence and
-- @AcquisitionId become null if another owner has the lease. @Holder and @ExpiresUtc return the owner after the call and the time
-- at which its lease expires. The row must exist. Locks the lease's row until the caller's transaction ends.
IF OBJECT_ID(N'[$(Schema)].[Lease_Take]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Take] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Take]
  @Name nvarchar(200),
  @Owner nvarchar(200),
  @LeaseMs bigint,
  @Context nvarchar(4000),
  @CallId uniqueidentifier,
  @Fence bigint OUTPUT,
  @AcquisitionId uniqueidentifier OUTPUT,
  @Holder nvarchar(200) OUTPUT,
  @ExpiresUtc datetime2(3) OUTPUT
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Hash binary(32) = HASHBYTES('SHA2_256', @Name);
DECLARE @Now datetime2(3), @RenewedUtc datetime2(3), @LeftMs bigint;
SELECT @Fence = NULL, @AcquisitionId = NULL, @Holder = NULL, @ExpiresUtc = NULL;
-- Lock the row before reading the clock: waiting for the lock must not shorten the lease.
UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE NameHash = @Hash;
SET @Now = SYSUTCDATETIME();
SELECT @Holder = Owner, @RenewedUtc = RenewedUtc, @ExpiresUtc = ExpiresUtc FROM [$(Schema)].[Leases]
WHERE NameHash = @Hash AND ExpiresUtc > @Now AND NOT (Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner));
IF @RenewedUtc > DATEADD(second, 1, @Now) OR @ExpiresUtc > DATEADD(second, 86401, @Now)
BEGIN
  SET @LeftMs = DATEDIFF_BIG(millisecond, CASE WHEN @RenewedUtc > @Now THEN @RenewedUtc ELSE @Now END, @ExpiresUtc);
  IF @LeftMs > 86400000 SET @LeftMs = @LeaseMs;
  SET @ExpiresUtc = DATEADD(millisecond, CAST(@LeftMs % 1000 AS int), DATEADD(second, CAST(@LeftMs / 1000 AS int), @Now));
  UPDATE [$(Schema)].[Leases] SET RenewedUtc = @Now, ExpiresUtc = @ExpiresUtc WHERE NameHash = @Hash;
END;
IF @Holder IS NOT NULL RETURN;
SET @AcquisitionId = NEWID();
SET @ExpiresUtc = DATEADD(millisecond, CAST(@LeaseMs % 1000 AS int), DATEADD(second, CAST(@LeaseMs / 1000 AS int), @Now));
UPDATE [$(Schema)].[Leases]
SET Owner = @Owner,
  Fence = Fence % 9007199254740991 + 1,
  AcquisitionId = @AcquisitionId,
  AcquiredUtc = @Now,
  RenewedUtc = @Now,
  ExpiresUtc = @ExpiresUtc,
  Context = @Context,
  CallId = @CallId
WHERE NameHash = @Hash;
SELECT @Fence = Fence, @Holder = Owner FROM [$(Schema)].[Leases] WHERE NameHash = @Hash;
GO
-- Takes a lease (L2). Returns one row: Status 'acquired' with the fence and the acquisition's id, or
-- 'leased-elsewhere' with the owner that has it. The read that finds out that another owner has the lease waits for no lock.
IF OBJECT_ID(N'[$(Schema)].[Lease_Acquire]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Acquire] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Acquire]
  @Name nvarchar(4000),
  @Owner nvarchar(4000),
  @LeaseMs bigint,
  @Context nvarchar(max) = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A lease cannot be taken, renewed or released inside a transaction; commit or roll back first.', 1;
IF DATALENGTH(SUBSTRING(@Name COLLATE Latin1_General_100_BIN2, 201, 1)) > 0
  OR DATALENGTH(SUBSTRING(@Context COLLATE Latin1_General_100_BIN2, 4001, 1)) > 0
  THROW 51026, N'A value is too long; the name of a lease may have 200 characters at most, and its context 4,000.', 1;
:r parts/lease-limits.sql
DECLARE @Hash binary(32) = HASHBYTES('SHA2_256', @Name), @Fence bigint, @AcquisitionId uniqueidentifier;
DECLARE @Now datetime2(3) = SYSUTCDATETIME(), @Holder nvarchar(200), @ExpiresUtc datetime2(3);
SELECT @Holder = Owner, @Fence = Fence, @ExpiresUtc = ExpiresUtc FROM [$(Schema)].[Leases] WITH (READUNCOMMITTED)
WHERE NameHash = @Hash AND ExpiresUtc > @Now AND RenewedUtc <= DATEADD(second, 1, @Now) AND ExpiresUtc <= DATEADD(second, 86401, @Now)
  AND NOT (Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner));
IF @Holder IS NOT NULL
BEGIN
  SELECT N'leased-elsewhere' AS Status, @Holder AS Owner, @Fence AS Fence, @AcquisitionId AS AcquisitionId, @ExpiresUtc AS ExpiresUtc,
    DATEDIFF_BIG(millisecond, CAST(SYSUTCDATETIME() AS datetime2(3)), @ExpiresUtc) AS ExpiresInMs;
  RETURN;
END;
EXEC [$(Schema)].[Lease_Ensure] @Name;
BEGIN TRANSACTION;
EXEC [$(Schema)].[Lease_Take] @Name, @Owner, @LeaseMs, @Context, NULL, @Fence OUTPUT, @AcquisitionId OUTPUT, @Holder OUTPUT,
  @ExpiresUtc OUTPUT;
COMMIT;
SELECT CASE WHEN @Fence IS NULL THEN N'leased-elsewhere' ELSE N'acquired' END AS Status, @Holder AS Owner, @Fence AS Fence,
  @AcquisitionId AS AcquisitionId,  @ExpiresUtc AS ExpiresUtc, DATEDIFF_BIG(millisecond, CAST(SYSUTCDATETIME() AS datetime2(3)), @ExpiresUtc) AS ExpiresInMs;
GO
-- Extends a lease to now + @LeaseMs (L3). Returns one row if this owner still has this acquisition of the lease,
-- expired or not; none if the lease is lost.
IF OBJECT_ID(N'[$(Schema)].[Lease_Renew]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Renew] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Renew]
  @Name nvarchar(4000),
  @Owner nvarchar(4000),
  @Fence bigint,
  @AcquisitionId uniqueidentifier,
  @LeaseMs bigint
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A lease cannot be taken, renewed or released inside a transaction; commit or roll back first.', 1;
:r parts/lease-limits.sql
DECLARE @Hash binary(32) = HASHBYTES('SHA2_256', @Name), @Now datetime2(3), @ExpiresUtc datetime2(3), @Renewed int;
BEGIN TRANSACTION;
-- Lock the row before reading the clock: waiting for the lock must not shorten the lease.
UPDATE [$(Schema)].[Leases] WITH (XLOCK, ROWLOCK) SET Fence = Fence WHERE NameHash = @Hash;
SET @Now = SYSUTCDATETIME();
SET @ExpiresUtc = DATEADD(millisecond, CAST(@LeaseMs % 1000 AS int), DATEADD(second, CAST(@LeaseMs / 1000 AS int), @Now));
UPDATE [$(Schema)].[Leases] SET RenewedUtc = @Now, ExpiresUtc = @ExpiresUtc
WHERE NameHash = @Hash AND Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND Fence = @Fence
  AND AcquisitionId = @AcquisitionId;
SET @Renewed = @@ROWCOUNT;
COMMIT;
IF @Renewed = 1
  SELECT @ExpiresUtc AS ExpiresUtc, DATEDIFF_BIG(millisecond, CAST(SYSUTCDATETIME() AS datetime2(3)), @ExpiresUtc) AS ExpiresInMs;
GO
-- Releases a lease (L4). Returns one row; Released is 0 if another acquisition has the lease, which is not an
-- error. @Again: the caller repeats the call because its answer was lost. If the lease is free and its last
-- acquisition is the caller's, the first call released it.
IF OBJECT_ID(N'[$(Schema)].[Lease_Release]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Release] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Release]
  @Name nvarchar(4000),
  @Owner nvarchar(4000),
  @Fence bigint,
  @AcquisitionId uniqueidentifier,
  @Again bit = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A lease cannot be taken, renewed or released inside a transaction; commit or roll back first.', 1;
DECLARE @Hash binary(32) = HASHBYTES('SHA2_256', @Name), @Released int;
UPDATE [$(Schema)].[Leases] SET Owner = NULL, ExpiresUtc = NULL, Context = NULL
WHERE NameHash = @Hash AND Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND Fence = @Fence
  AND AcquisitionId = @AcquisitionId;
SET @Released = @@ROWCOUNT;
IF @Released = 0 AND @Again = 1
  AND EXISTS (
    SELECT 1 FROM [$(Schema)].[Leases] WHERE NameHash = @Hash AND Owner IS NULL AND Fence = @Fence AND AcquisitionId = @AcquisitionId)
  SET @Released = 1;
SELECT @Released AS Released;
GO
-- Lists the leases of this database, by name: all of them, or the one with a name, or at most @Limit of those after a name,
-- with @Owned = 1 only those that have an owner. Held is 1 if the lease has an owner and has not expired.
IF OBJECT_ID(N'[$(Schema)].[Lease_List]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_List] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_List]
  @Name nvarchar(4000) = NULL,
  @After nvarchar(4000) = NULL,
  @Limit int = 2147483647,
  @Owned bit = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
IF @Name IS NOT NULL
BEGIN
  SELECT Name, Owner, Fence, AcquisitionId, AcquiredUtc, RenewedUtc, ExpiresUtc, Context,
    CAST(CASE WHEN Owner IS NOT NULL AND ExpiresUtc > @Now THEN 1 ELSE 0 END AS bit) AS Held
  FROM [$(Schema)].[Leases] WITH (READUNCOMMITTED) WHERE NameHash = HASHBYTES('SHA2_256', @Name);
  RETURN;
END;
-- Names that differ only in trailing blanks are equal in T-SQL; their lengths tell them apart.
SELECT TOP (@Limit) Name, Owner, Fence, AcquisitionId, AcquiredUtc, RenewedUtc, ExpiresUtc, Context,
  CAST(CASE WHEN Owner IS NOT NULL AND ExpiresUtc > @Now THEN 1 ELSE 0 END AS bit) AS Held
FROM [$(Schema)].[Leases] WITH (READUNCOMMITTED)
WHERE (@After IS NULL OR Name > @After OR (Name = @After AND DATALENGTH(Name) > DATALENGTH(@After)))
  AND (@Owned = 0 OR Owner IS NOT NULL)
ORDER BY Name, DATALENGTH(Name);
GO
