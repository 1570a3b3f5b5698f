-- Part of EnqueueOne and EnqueueMany: refuses a connection that is not the one meant.
SET NOCOUNT ON;
SET XACT_ABORT OFF;
IF @@TRANCOUNT = 0 SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET ANSI_PADDING, ANSI_WARNINGS, CONCAT_NULL_YIELDS_NULL ON; SET NUMERIC_ROUNDABORT OFF;
IF @@LOCK_TIMEOUT NOT BETWEEN 0 AND 10000 SET LOCK_TIMEOUT 10000;
IF @RequireTransaction = 1 AND @@TRANCOUNT = 0 THROW 51002, N'No transaction is open on this connection; begin one first.', 1;
IF @RequireTransaction = 0 AND @@TRANCOUNT > 0 THROW 51001, N'A transaction of another call is open on this connection; try again on another connection.', 1;
IF LOWER(@Database COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2
  <> LOWER(DB_NAME() COLLATE Latin1_General_CI_AS) COLLATE Latin1_General_100_BIN2
  THROW 51003, N'The connection is on another database than the tenant''s; use a connection to the tenant''s database.', 1;
