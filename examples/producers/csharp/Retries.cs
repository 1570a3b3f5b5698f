using Microsoft.Data.SqlClient;
using Microsoft.EntityFrameworkCore;

namespace Shop;

public static class Retries
{
    private const int Tries = 4;

    /// <summary>
    /// Repeats a whole transaction, which must make its own connection. Each try may have been committed although its answer was
    /// lost, so a repetition must store nothing twice.
    /// </summary>
    public static async Task<T> RunAsync<T>(Func<Task<T>> transaction, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await transaction();
            }
            catch (Exception error) when (attempt < Tries && IsWorthAnotherTry(error) && !cancellation.IsCancellationRequested)
            {
                await Console.Error.WriteLineAsync($"trying again after an error: {error.GetBaseException().Message}");
                var milliseconds = 200 * (1 << attempt) * (0.5 + Random.Shared.NextDouble() / 2);
                await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), cancellation);
            }
        }
    }

    private static bool IsWorthAnotherTry(Exception error) => error switch
    {
        // 1205: a deadlock. 1222: a lock timeout. 2627: another producer has just placed the same order, and the repetition finds it.
        // Class 20 and above: the connection is lost. -2: a timeout.
        SqlException sql => sql.IsTransient || sql.Number is 1205 or 1222 or 2627 or -2 || sql.Class >= 20,
        DbUpdateException { InnerException: { } inner } => IsWorthAnotherTry(inner),
        InvalidOperationException { InnerException: SqlException inner } => IsWorthAnotherTry(inner),
        _ => false,
    };
}
