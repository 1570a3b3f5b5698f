-- Leases (L1 to L3): one durable row a name, in tenant databases and in the registry alike.
--
-- All times are the database's, from SYSUTCDATETIME(), as datetime2(3): milliseconds are what drivers and programs
-- keep, so that no time changes by being read and written, and what is due at a moment is due for every reader.
--
-- Names and owners are compared exactly: case, accents and trailing blanks count. T-SQL's = ignores trailing blanks
-- whatever the collation, hence the hash as the key and DATALENGTH beside every comparison of owners.
--
-- No lease procedure runs inside a caller's transaction: a rollback would take the lease back.
--
-- The first look at a lease reads what is not committed (READUNCOMMITTED): with READ_COMMITTED_SNAPSHOT off it would
-- otherwise wait for a handler that is committing. It only ever answers that another owner has the lease, which is then
-- at worst out of date by one commit; a call that takes the lease locks its row first.
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
    -- Rises by one at every acquisition, never otherwise (L2).
    Fence bigint NOT NULL,
    AcquiredUtc datetime2(3) NULL,
    RenewedUtc datetime2(3) NULL,
    ExpiresUtc datetime2(3) NULL,
    Context nvarchar(4000) NULL,
    -- The last call of a work queue's run that was committed: a caller that lost the answer asks again with the same
    -- id and learns whether it was committed.
    CallId uniqueidentifier NULL
  );
  CREATE UNIQUE CLUSTERED INDEX [UX_Leases_NameHash] ON [$(Schema)].[Leases] (NameHash) WITH (ALLOW_PAGE_LOCKS = OFF);
END;
GO
-- Internal. Inserts the lease's row if it has none, so that taking the lease is an update of one row.
-- Locks: none that outlast the statement.
IF OBJECT_ID(N'[$(Schema)].[Lease_Ensure]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Ensure] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Ensure]
  @Name nvarchar(200)
AS
SET NOCOUNT ON;
-- Off, or the duplicate key that is caught below would doom the batch.
SET XACT_ABORT OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Hash binary(32) = HASHBYTES('SHA2_256', @Name);
IF EXISTS (SELECT 1 FROM [$(Schema)].[Leases] WITH (READUNCOMMITTED) WHERE NameHash = @Hash) RETURN;
BEGIN TRY
  INSERT [$(Schema)].[Leases] (Name, Fence) VALUES (@Name, 0);
END TRY
BEGIN CATCH
  -- Another session has just inserted it.
  IF ERROR_NUMBER() NOT IN (2601, 2627) THROW;
END CATCH;
GO
-- Internal. Takes the lease if it is free, has expired, or is the owner's own (L2); @Fence is null when another owner
-- has it. @Holder and @ExpiresUtc: the owner afterwards, and until when. The row must exist. Locks the lease's row until
-- the caller's transaction ends.
IF OBJECT_ID(N'[$(Schema)].[Lease_Take]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Take] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Take]
  @Name nvarchar(200),
  @Owner nvarchar(200),
  @DurationMs bigint,
  @Context nvarchar(4000),
  @CallId uniqueidentifier,
  @Fence bigint OUTPUT,
  @Holder nvarchar(200) OUTPUT,
  @ExpiresUtc datetime2(3) OUTPUT
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Hash binary(32) = HASHBYTES('SHA2_256', @Name);
DECLARE @Now datetime2(3);
SELECT @Fence = NULL, @Holder = NULL, @ExpiresUtc = NULL;
-- Locks the row before the clock is read: a wait for it must not shorten the lease.
UPDATE [$(Schema)].[Leases] SET Fence = Fence WHERE NameHash = @Hash;
SET @Now = SYSUTCDATETIME();
SELECT @Holder = Owner, @ExpiresUtc = ExpiresUtc FROM [$(Schema)].[Leases]
WHERE NameHash = @Hash AND ExpiresUtc > @Now AND NOT (Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner));
IF @Holder IS NOT NULL RETURN;
SET @ExpiresUtc = DATEADD(millisecond, CAST(@DurationMs % 1000 AS int), DATEADD(second, CAST(@DurationMs / 1000 AS int), @Now));
UPDATE [$(Schema)].[Leases]
SET Owner = @Owner,
  Fence = Fence + 1,
  AcquiredUtc = @Now,
  RenewedUtc = @Now,
  ExpiresUtc = @ExpiresUtc,
  Context = @Context,
  CallId = @CallId
WHERE NameHash = @Hash;
SELECT @Fence = Fence, @Holder = Owner FROM [$(Schema)].[Leases] WHERE NameHash = @Hash;
GO
-- Takes a lease (L2). One row: Status 'acquired' with the fence, or 'leased-elsewhere' with the owner that has it.
-- The answer that another owner has it comes from a read that waits for no lock.
IF OBJECT_ID(N'[$(Schema)].[Lease_Acquire]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Acquire] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Acquire]
  @Name nvarchar(4000),
  @Owner nvarchar(4000),
  @DurationMs bigint,
  @Context nvarchar(max) = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A lease cannot be taken, renewed or released inside a transaction.', 1;
IF DATALENGTH(SUBSTRING(@Name COLLATE Latin1_General_100_BIN2, 201, 1)) > 0
  OR DATALENGTH(SUBSTRING(@Owner COLLATE Latin1_General_100_BIN2, 201, 1)) > 0
  OR DATALENGTH(SUBSTRING(@Context COLLATE Latin1_General_100_BIN2, 4001, 1)) > 0
  THROW 51026, N'A name or an owner of a lease has at most 200 characters, its context at most 4,000.', 1;
DECLARE @Hash binary(32) = HASHBYTES('SHA2_256', @Name), @Fence bigint, @Now datetime2(3) = SYSUTCDATETIME();
DECLARE @Holder nvarchar(200), @ExpiresUtc datetime2(3);
SELECT @Holder = Owner, @Fence = Fence, @ExpiresUtc = ExpiresUtc FROM [$(Schema)].[Leases] WITH (READUNCOMMITTED)
WHERE NameHash = @Hash AND ExpiresUtc > @Now AND NOT (Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner));
IF @Holder IS NOT NULL
BEGIN
  SELECT N'leased-elsewhere' AS Status, @Holder AS Owner, @Fence AS Fence, @ExpiresUtc AS ExpiresUtc,
    DATEDIFF_BIG(millisecond, SYSUTCDATETIME(), @ExpiresUtc) AS ExpiresInMs;
  RETURN;
END;
EXEC [$(Schema)].[Lease_Ensure] @Name;
BEGIN TRANSACTION;
EXEC [$(Schema)].[Lease_Take] @Name, @Owner, @DurationMs, @Context, NULL, @Fence OUTPUT, @Holder OUTPUT, @ExpiresUtc OUTPUT;
COMMIT;
SELECT CASE WHEN @Fence IS NULL THEN N'leased-elsewhere' ELSE N'acquired' END AS Status, @Holder AS Owner, @Fence AS Fence,
  @ExpiresUtc AS ExpiresUtc, DATEDIFF_BIG(millisecond, SYSUTCDATETIME(), @ExpiresUtc) AS ExpiresInMs;
GO
-- Prolongs a lease to now + @DurationMs (L3). One row when it was the owner's under this fence, expired or not; none when
-- it is lost.
IF OBJECT_ID(N'[$(Schema)].[Lease_Renew]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Renew] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Renew]
  @Name nvarchar(4000),
  @Owner nvarchar(4000),
  @Fence bigint,
  @DurationMs bigint
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A lease cannot be taken, renewed or released inside a transaction.', 1;
DECLARE @Hash binary(32) = HASHBYTES('SHA2_256', @Name), @Now datetime2(3), @ExpiresUtc datetime2(3), @Renewed int;
BEGIN TRANSACTION;
-- Locks the row before the clock is read: a wait for it must not shorten the lease.
UPDATE [$(Schema)].[Leases] SET Fence = Fence WHERE NameHash = @Hash;
SET @Now = SYSUTCDATETIME();
SET @ExpiresUtc = DATEADD(millisecond, CAST(@DurationMs % 1000 AS int), DATEADD(second, CAST(@DurationMs / 1000 AS int), @Now));
UPDATE [$(Schema)].[Leases] SET RenewedUtc = @Now, ExpiresUtc = @ExpiresUtc
WHERE NameHash = @Hash AND Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND Fence = @Fence;
SET @Renewed = @@ROWCOUNT;
COMMIT;
IF @Renewed = 1
  SELECT @ExpiresUtc AS ExpiresUtc, DATEDIFF_BIG(millisecond, SYSUTCDATETIME(), @ExpiresUtc) AS ExpiresInMs;
GO
-- Gives a lease back (L4). One row: Released is 0 when another owner or fence has it, which is not an error. @Again: the
-- caller sends the call again because the answer was lost; a lease that is free under its fence was released by it.
IF OBJECT_ID(N'[$(Schema)].[Lease_Release]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Release] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Release]
  @Name nvarchar(4000),
  @Owner nvarchar(4000),
  @Fence bigint,
  @Again bit = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 10000;
SET DEADLOCK_PRIORITY LOW;
IF @@TRANCOUNT > 0 THROW 51001, N'A lease cannot be taken, renewed or released inside a transaction.', 1;
DECLARE @Hash binary(32) = HASHBYTES('SHA2_256', @Name), @Released int;
UPDATE [$(Schema)].[Leases] SET Owner = NULL, ExpiresUtc = NULL, Context = NULL
WHERE NameHash = @Hash AND Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND Fence = @Fence;
SET @Released = @@ROWCOUNT;
IF @Released = 0 AND @Again = 1
  AND EXISTS (SELECT 1 FROM [$(Schema)].[Leases] WHERE NameHash = @Hash AND Owner IS NULL AND Fence = @Fence)
  SET @Released = 1;
SELECT @Released AS Released;
GO
-- Every lease of this database, by name. Held: it has an owner and has not expired.
IF OBJECT_ID(N'[$(Schema)].[Lease_List]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_List] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_List]
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Now datetime2(3) = SYSUTCDATETIME();
SELECT Name, Owner, Fence, AcquiredUtc, RenewedUtc, ExpiresUtc, Context,
  CAST(CASE WHEN Owner IS NOT NULL AND ExpiresUtc > @Now THEN 1 ELSE 0 END AS bit) AS Held
FROM [$(Schema)].[Leases] ORDER BY Name;
GO
