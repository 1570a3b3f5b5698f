// Places an order and stores its message in one transaction, in the database of a tenant.
using System.Text.Json;
using Microsoft.Data.Sqlite;

if (args is not [var file, var orderId])
{
    Console.Error.WriteLine("usage: producer DATABASE_FILE ORDER_ID");
    return 2;
}

// ReadWrite: a file that is missing is an error, because only multi-outbox makes the tables of the outbox.
var address = new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadWrite, Pooling = false };
using var connection = new SqliteConnection(address.ToString());
connection.Open();
Run("CREATE TABLE IF NOT EXISTS Orders (Id TEXT NOT NULL PRIMARY KEY)");

// BEGIN IMMEDIATE, which waits while the dispatcher writes (30 s by default). Disposed without its commit, it is rolled back.
using var transaction = connection.BeginTransaction();
var isNew = Run("INSERT INTO Orders (Id) VALUES ($id) ON CONFLICT DO NOTHING", ("$id", orderId)) == 1;
if (isNew)
{
    Run(
        "INSERT INTO Outbox (Topic, Payload, OrderingKey) VALUES ($topic, $payload, $key)",
        ("$topic", "order.placed"), ("$payload", JsonSerializer.Serialize(new { orderId })), ("$key", orderId));
}
transaction.Commit();
Console.WriteLine(isNew ? $"placed {orderId}" : $"{orderId} was placed before");
return 0;

int Run(string sql, params (string Name, string Value)[] parameters)
{
    using var command = connection.CreateCommand();
    command.CommandText = sql;
    foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
    return command.ExecuteNonQuery();
}
