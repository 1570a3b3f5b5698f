using Microsoft.Data.SqlClient;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Storage;

namespace Shop;

/// <summary>Entities that raise messages; SaveChanges stores them with the entities.</summary>
public interface IRaisesMessages
{
    List<OutboxMessage> Messages { get; }
}

/// <summary>
/// Stores the messages of all tracked entities in the transaction of SaveChangesAsync. When the application has begun no transaction,
/// it begins one and commits it. Make one interceptor for each DbContext. After an error discard the context, because EF has accepted
/// changes that were rolled back then: a retry makes a new one, so do not turn on <c>EnableRetryOnFailure</c>.
/// </summary>
public sealed class OutboxInterceptor : SaveChangesInterceptor
{
    private IDbContextTransaction? _own;

    public List<Enqueued> Stored { get; } = [];

    public override InterceptionResult<int> SavingChanges(DbContextEventData data, InterceptionResult<int> result) =>
        throw new NotSupportedException("Use SaveChangesAsync: the messages are stored asynchronously.");

    public override async ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData data, InterceptionResult<int> result, CancellationToken cancellation = default)
    {
        var database = data.Context!.Database;
        if (database.CurrentTransaction is null) _own = await database.BeginTransactionAsync(cancellation);
        return result;
    }

    public override async ValueTask<int> SavedChangesAsync(
        SaveChangesCompletedEventData data, int result, CancellationToken cancellation = default)
    {
        try
        {
            var context = data.Context!;
            var transaction = (SqlTransaction)context.Database.CurrentTransaction!.GetDbTransaction();
            foreach (var entry in context.ChangeTracker.Entries<IRaisesMessages>())
            {
                foreach (var message in entry.Entity.Messages)
                    Stored.Add(await transaction.EnqueueAsync(message, cancellation));
                entry.Entity.Messages.Clear();
            }
            if (_own is not null) await _own.CommitAsync(cancellation);
            return result;
        }
        finally
        {
            await EndOwnAsync();
        }
    }

    public override Task SaveChangesFailedAsync(DbContextErrorEventData data, CancellationToken cancellation = default) =>
        EndOwnAsync();

    public override Task SaveChangesCanceledAsync(DbContextEventData data, CancellationToken cancellation = default) =>
        EndOwnAsync();

    /// <summary>Rolls back, unless it was committed.</summary>
    private async Task EndOwnAsync()
    {
        if (_own is not { } own) return;
        _own = null;
        try
        {
            await own.DisposeAsync();
        }
        catch (InvalidOperationException)
        {
            // The connection is lost, so the server rolls back. This error must not hide the one that lost it.
        }
    }
}
