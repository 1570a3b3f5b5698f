-- Places an order and enqueues its message in one transaction. See ../README.md.
--
-- T-SQL cannot wake a tenant of another database. The message is found at the tenant's next look; on Azure SQL
-- Database, sp_invoke_external_rest_endpoint can call the function app's wake after the commit.
-- A caller that cancels the call or loses its connection does not know whether the order was placed, so it calls again, which stores
-- nothing twice. It also calls again after a deadlock (1205) that the server does not let the procedure catch.
CREATE PROCEDURE dbo.PlaceOrder
  @Id nvarchar(300),
  @MessageId uniqueidentifier = NULL OUTPUT,
  @Duplicate bit = 0 OUTPUT
AS
SET NOCOUNT ON;
-- A failed statement, and on SQL Server a client that cancels the call, roll the transaction back.
SET XACT_ABORT ON;
IF @@TRANCOUNT > 0 THROW 50000, N'PlaceOrder begins a transaction of its own, so that it can repeat it; call it outside of one.', 1;
DECLARE @Tries int = 0, @Error nvarchar(100), @Payload nvarchar(max), @DedupKey nvarchar(400) = N'placed ' + @Id;
SET @Payload = N'{"orderId":"' + STRING_ESCAPE(@Id, 'json') + N'"}';
WHILE 1 = 1
BEGIN
  BEGIN TRY
    SELECT @Tries = @Tries + 1, @MessageId = NULL;
    BEGIN TRANSACTION;
    INSERT dbo.Orders (Id) SELECT @Id WHERE NOT EXISTS (SELECT 1 FROM dbo.Orders WHERE Id = @Id);
    EXEC messaging.Outbox_Enqueue
      @Topic = N'order.placed', @Payload = @Payload, @DedupKey = @DedupKey, @OrderingKey = @Id,
      @MessageId = @MessageId OUTPUT, @Duplicate = @Duplicate OUTPUT;
    COMMIT;
    RETURN 0;
  END TRY
  BEGIN CATCH
    IF @@TRANCOUNT > 0 ROLLBACK;
    -- A deadlock or a lock timeout: nothing was stored, and a repetition stores nothing twice. A violated key: another producer has
    -- just placed the same order, and the repetition finds it.
    IF ERROR_NUMBER() NOT IN (1205, 1222, 2627) OR @Tries >= 4 THROW;
    SET @Error = N'Trying again after error ' + CAST(ERROR_NUMBER() AS nvarchar(10)) + N'.';
    PRINT @Error;
  END CATCH;
END;
