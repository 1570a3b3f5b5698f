using System.Data;
using Microsoft.Data.SqlClient;

namespace Shop;

/// <summary>Enqueues with plain SqlClient.</summary>
public static class Outbox
{
    /// <summary>Stores the message in the caller's transaction. It commits nothing.</summary>
    public static async Task<Enqueued> EnqueueAsync(
        this SqlTransaction transaction, OutboxMessage message, CancellationToken cancellation)
    {
        await using var command = new SqlCommand("messaging.Outbox_Enqueue", transaction.Connection, transaction)
        {
            CommandType = CommandType.StoredProcedure,
        };
        command.Parameters.Add("@Topic", SqlDbType.NVarChar, 4000).Value = message.Topic;
        command.Parameters.Add("@Payload", SqlDbType.NVarChar, -1).Value = message.Payload;
        command.Parameters.Add("@DedupKey", SqlDbType.NVarChar, 4000).Value = (object?)message.DedupKey ?? DBNull.Value;
        command.Parameters.Add("@OrderingKey", SqlDbType.NVarChar, 4000).Value = (object?)message.OrderingKey ?? DBNull.Value;
        var id = command.Parameters.Add("@MessageId", SqlDbType.UniqueIdentifier);
        id.Direction = ParameterDirection.InputOutput;
        id.Value = DBNull.Value;
        var duplicate = command.Parameters.Add("@Duplicate", SqlDbType.Bit);
        duplicate.Direction = ParameterDirection.Output;
        await command.ExecuteNonQueryAsync(cancellation);
        return new Enqueued((Guid)id.Value, (bool)duplicate.Value);
    }
}
