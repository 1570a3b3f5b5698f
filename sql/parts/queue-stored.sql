-- Tells which messages are committed, for a program that waits for the commit of a producer's transaction (F7).
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO
IF OBJECT_ID(N'[$(Schema)].[$(Queue)_Stored]', N'P') IS NULL EXEC(N'CREATE PROCEDURE [$(Schema)].[$(Queue)_Stored] AS RETURN 0');
GO
-- @MessageIds: a JSON array of UUIDs. Returns the MessageId of those that are stored and committed. It waits for no
-- transaction: a message that another transaction is changing is left out, so ask again later.
ALTER PROCEDURE [$(Schema)].[$(Queue)_Stored]
  @MessageIds nvarchar(max)
AS
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
-- READPAST skips the rows of open transactions. A lock of the whole table is waited for, and not longer than this.
SET LOCK_TIMEOUT 1000;
-- Inside the producer's transaction, this query would see that transaction's own uncommitted rows.
IF @@TRANCOUNT > 0 THROW 51001, N'Ask outside a transaction which messages are committed; commit or roll back first.', 1;
IF COALESCE(ISJSON(@MessageIds), 0) = 0 THROW 51025, N'@MessageIds must be a JSON array of UUIDs.', 1;
DECLARE @Id TABLE (MessageId uniqueidentifier NOT NULL PRIMARY KEY);
IF EXISTS (SELECT 1 FROM OPENJSON(@MessageIds) WHERE value IS NULL OR LEN(value) <> 36 OR TRY_CAST(value AS uniqueidentifier) IS NULL)
  THROW 51025, N'@MessageIds must be a JSON array of UUIDs.', 1;
INSERT @Id (MessageId) SELECT DISTINCT TRY_CAST(value AS uniqueidentifier) FROM OPENJSON(@MessageIds);
SELECT q.MessageId FROM @Id i JOIN [$(Schema)].[$(Queue)] q WITH (FORCESEEK, READCOMMITTEDLOCK, READPAST) ON q.MessageId = i.MessageId;
GO
