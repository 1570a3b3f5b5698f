using System.Data;
using Dapper;

namespace Shop;

/// <summary>Enqueues with Dapper.</summary>
public static class DapperOutbox
{
    /// <summary>Stores the message in the caller's transaction. It commits nothing.</summary>
    public static async Task<Enqueued> EnqueueWithDapperAsync(
        this IDbTransaction transaction, OutboxMessage message, CancellationToken cancellation)
    {
        var parameters = new DynamicParameters(new { message.Topic, message.Payload, message.DedupKey, message.OrderingKey });
        parameters.Add("MessageId", dbType: DbType.Guid, direction: ParameterDirection.InputOutput);
        parameters.Add("Duplicate", dbType: DbType.Boolean, direction: ParameterDirection.Output);
        await transaction.Connection!.ExecuteAsync(new CommandDefinition(
            "messaging.Outbox_Enqueue", parameters, transaction,
            commandType: CommandType.StoredProcedure, cancellationToken: cancellation));
        return new Enqueued(parameters.Get<Guid>("MessageId"), parameters.Get<bool>("Duplicate"));
    }
}
