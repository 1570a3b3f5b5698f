// Places an order and enqueues its message in one transaction, in three ways. See ../README.md.
using System.Text.Json;
using Dapper;
using Microsoft.Data.SqlClient;
using Microsoft.EntityFrameworkCore;
using Shop;

if (args is not [var way, var orderId])
{
    Console.Error.WriteLine("usage: producers sqlclient|dapper|efcore ORDER_ID");
    return 2;
}

var connectionString = Environment.GetEnvironmentVariable("SHOP_DB") ?? throw new InvalidOperationException("set SHOP_DB");
using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(2));
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

var message = new OutboxMessage(
    "order.placed", JsonSerializer.Serialize(new { orderId }), DedupKey: $"placed {orderId}", OrderingKey: orderId);
Func<Task<Enqueued>> placeOrder = way switch
{
    "sqlclient" => PlaceWithSqlClientAsync,
    "dapper" => PlaceWithDapperAsync,
    "efcore" => PlaceWithEfCoreAsync,
    _ => throw new ArgumentException($"unknown way '{way}'"),
};
Enqueued enqueued;
try
{
    enqueued = await Retries.RunAsync(placeOrder, stop.Token);
}
catch (Exception) when (stop.IsCancellationRequested)
{
    // Rolled back, unless its commit has reached the server. To place the order again stores nothing twice.
    Console.Error.WriteLine("cancelled; place the order again to be sure that it is stored");
    return 130;
}
await Waker.WakeAsync("acme", stop.Token);
Console.WriteLine(JsonSerializer.Serialize(new { messageId = enqueued.Id, duplicate = enqueued.Duplicate }));
return 0;

// A connection that is closed before the commit rolls its transaction back. The transaction is not disposed itself: if the
// connection is lost, that throws an error of its own, which hides the one that says so.
async Task<Enqueued> PlaceWithSqlClientAsync()
{
    await using var connection = new SqlConnection(connectionString);
    await connection.OpenAsync(stop.Token);
    var transaction = (SqlTransaction)await connection.BeginTransactionAsync(stop.Token);
    await using var insert = new SqlCommand(Sql.InsertOrder, connection, transaction);
    insert.Parameters.AddWithValue("@Id", orderId);
    await insert.ExecuteNonQueryAsync(stop.Token);
    var stored = await transaction.EnqueueAsync(message, stop.Token);
    await transaction.CommitAsync(stop.Token);
    return stored;
}

async Task<Enqueued> PlaceWithDapperAsync()
{
    await using var connection = new SqlConnection(connectionString);
    await connection.OpenAsync(stop.Token);
    var transaction = await connection.BeginTransactionAsync(stop.Token);
    await connection.ExecuteAsync(new CommandDefinition(
        Sql.InsertOrder, new { Id = orderId }, transaction, cancellationToken: stop.Token));
    var stored = await transaction.EnqueueWithDapperAsync(message, stop.Token);
    await transaction.CommitAsync(stop.Token);
    return stored;
}

async Task<Enqueued> PlaceWithEfCoreAsync()
{
    var interceptor = new OutboxInterceptor();
    await using var context = new ShopContext(connectionString, interceptor);
    var order = await context.Orders.FindAsync([orderId], stop.Token);
    if (order is null) context.Add(order = new Order { Id = orderId });
    order.Messages.Add(message);
    await context.SaveChangesAsync(stop.Token);
    return interceptor.Stored.Single();
}

static class Sql
{
    public const string InsertOrder =
        "INSERT dbo.Orders (Id) SELECT @Id WHERE NOT EXISTS (SELECT 1 FROM dbo.Orders WHERE Id = @Id)";
}
