-- Leases (L1 to L3): one durable row a name, in tenant databases and in the registry alike.
--
-- All times are the database's, from SYSUTCDATETIME(), as datetime2(3): milliseconds are what drivers and programs
-- keep, so that no time changes by being read and written, and what is due at a moment is due for every reader.
--
-- Names and owners are compared exactly: case, accents and trailing blanks count. T-SQL's = ignores trailing blanks
-- whatever the collation, hence the hash as the key and DATALENGTH beside every comparison of owners.
--
-- No lease procedure runs inside a caller's transaction: what a rollback takes back is no lease.
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
IF OBJECT_ID(N'[$(Schema)].[Leases]', N'U') IS NULL
BEGIN
  CREATE TABLE [$(Schema)].[Leases] (
    Name nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    NameHash AS CAST(HASHBYTES('SHA2_256', Name) AS binary(32)) PERSISTED NOT NULL,
    -- Null when nobody holds the lease.
    Owner nvarchar(200) COLLATE Latin1_General_100_BIN2 NULL,
    -- Rises by one at every acquisition, never otherwise (L2).
    Fence bigint NOT NULL,
    AcquiredUtc datetime2(3) NULL,
    RenewedUtc datetime2(3) NULL,
    ExpiresUtc datetime2(3) NULL,
    Context nvarchar(4000) NULL,
    -- The last call of a work queue's run that was committed: a caller that lost the answer asks again with the same
    -- id and is told what became of it.
    CallId uniqueidentifier NULL
  );
  CREATE UNIQUE CLUSTERED INDEX [UX_Leases_NameHash] ON [$(Schema)].[Leases] (NameHash);
END;
GO
-- Internal. Sees to it that the lease has a row, so that taking it is a plain update of one row.
-- Locks: none that outlast the statement. Of two that insert at once one is told 2627 and goes on: the row is there.
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
IF EXISTS (SELECT 1 FROM [$(Schema)].[Leases] WHERE NameHash = @Hash) RETURN;
BEGIN TRY
  INSERT [$(Schema)].[Leases] (Name, Fence) VALUES (@Name, 0);
END TRY
BEGIN CATCH
  IF ERROR_NUMBER() NOT IN (2601, 2627) THROW;
END CATCH;
GO
-- Internal. Takes the lease if it is free, has expired, or is the owner's own (L2); @Fence is null when it is held by
-- somebody else. The row must exist. Locks the lease's row until the caller's transaction ends.
IF OBJECT_ID(N'[$(Schema)].[Lease_Take]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Take] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Take]
  @Name nvarchar(200),
  @Owner nvarchar(200),
  @DurationMs bigint,
  @Context nvarchar(4000),
  @CallId uniqueidentifier,
  @Fence bigint OUTPUT
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
DECLARE @Hash binary(32) = HASHBYTES('SHA2_256', @Name);
DECLARE @Now datetime2(3);
-- Locks the row before the clock is read: a wait for it must not shorten the lease.
UPDATE [$(Schema)].[Leases] SET Fence = Fence WHERE NameHash = @Hash;
SET @Now = SYSUTCDATETIME();
SET @Fence = NULL;
UPDATE [$(Schema)].[Leases]
SET Owner = @Owner,
  Fence = Fence + 1,
  AcquiredUtc = @Now,
  RenewedUtc = @Now,
  ExpiresUtc = DATEADD(millisecond, CAST(@DurationMs % 1000 AS int), DATEADD(second, CAST(@DurationMs / 1000 AS int), @Now)),
  Context = @Context,
  CallId = @CallId
WHERE NameHash = @Hash
  AND (Owner IS NULL OR ExpiresUtc IS NULL OR ExpiresUtc <= @Now
    OR (Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner)));
IF @@ROWCOUNT = 1 SELECT @Fence = Fence FROM [$(Schema)].[Leases] WHERE NameHash = @Hash;
GO
-- Takes a lease (L2). One row: Status 'acquired' with the fence, or 'held' with who holds it.
-- A lease that is held is answered from a read, without waiting for the row.
IF OBJECT_ID(N'[$(Schema)].[Lease_Acquire]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Acquire] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Acquire]
  @Name nvarchar(200),
  @Owner nvarchar(200),
  @DurationMs bigint,
  @Context nvarchar(4000) = NULL
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF @@TRANCOUNT > 0 THROW 51001, N'A lease cannot be taken, renewed or released inside a transaction.', 1;
DECLARE @Hash binary(32) = HASHBYTES('SHA2_256', @Name), @Fence bigint, @Now datetime2(3) = SYSUTCDATETIME();
IF NOT EXISTS (
  SELECT 1 FROM [$(Schema)].[Leases]
  WHERE NameHash = @Hash AND ExpiresUtc > @Now AND NOT (Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner)))
BEGIN
  EXEC [$(Schema)].[Lease_Ensure] @Name;
  BEGIN TRANSACTION;
  EXEC [$(Schema)].[Lease_Take] @Name, @Owner, @DurationMs, @Context, NULL, @Fence OUTPUT;
  COMMIT;
END;
SELECT CASE WHEN @Fence IS NULL THEN N'held' ELSE N'acquired' END AS Status, Owner, Fence, ExpiresUtc,
  DATEDIFF_BIG(millisecond, SYSUTCDATETIME(), ExpiresUtc) AS ExpiresInMs
FROM [$(Schema)].[Leases] WHERE NameHash = @Hash;
GO
-- Prolongs a lease to now + @DurationMs (L3). One row when it was ours, expired or not; none when it is lost.
IF OBJECT_ID(N'[$(Schema)].[Lease_Renew]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Renew] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Renew]
  @Name nvarchar(200),
  @Owner nvarchar(200),
  @Fence bigint,
  @DurationMs bigint
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
IF @@TRANCOUNT > 0 THROW 51001, N'A lease cannot be taken, renewed or released inside a transaction.', 1;
DECLARE @Hash binary(32) = HASHBYTES('SHA2_256', @Name), @Now datetime2(3) = SYSUTCDATETIME();
UPDATE [$(Schema)].[Leases]
SET RenewedUtc = @Now,
  ExpiresUtc = DATEADD(millisecond, CAST(@DurationMs % 1000 AS int), DATEADD(second, CAST(@DurationMs / 1000 AS int), @Now))
WHERE NameHash = @Hash AND Owner = @Owner AND DATALENGTH(Owner) = DATALENGTH(@Owner) AND Fence = @Fence;
IF @@ROWCOUNT = 1
  SELECT ExpiresUtc, DATEDIFF_BIG(millisecond, SYSUTCDATETIME(), ExpiresUtc) AS ExpiresInMs
  FROM [$(Schema)].[Leases] WHERE NameHash = @Hash;
GO
-- Gives a lease back (L4). One row: Released is 0 when it was not ours any more, which is no error. @Again: the caller
-- asks a second time because it did not hear the answer; a lease that is free under its fence was released by it.
IF OBJECT_ID(N'[$(Schema)].[Lease_Release]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[Lease_Release] AS RETURN 0');
GO
ALTER PROCEDURE [$(Schema)].[Lease_Release]
  @Name nvarchar(200),
  @Owner nvarchar(200),
  @Fence bigint,
  @Again bit = 0
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
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
-- Every lease of this database, by name. Held: somebody has it and its time is not up.
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
