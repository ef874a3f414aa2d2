using Npgsql;
using PixSearch.Abstractions;

namespace PixSearch.Grains.Storage;

/// <summary>Waits for a database that restarts or fails over. Only for statements that may be run twice.</summary>
internal static class DatabaseOutage
{
    /// <summary>How long callers wait: a restart takes seconds, a failover 10 to 60 s.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Between two tries: short, since a restart takes a second or two.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Whether the same statement may work a moment later. Npgsql does not count the codes with which a server that
    /// shuts down ends its connections as transient.
    /// </summary>
    public static bool IsOutage(NpgsqlException error) => error.IsTransient || error.SqlState is
        PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow;

    /// <summary>
    /// Runs a statement again until the database is back; <see cref="PixErrorKind.Unavailable"/> when patience ends.
    /// </summary>
    public static async Task<T> WaitAsync<T>(Func<Task<T>> statement, TimeProvider time, CancellationToken cancellation)
    {
        long start = time.GetTimestamp();
        while (true)
        {
            try
            {
                return await statement();
            }
            catch (NpgsqlException error) when (IsOutage(error))
            {
                if (time.GetElapsedTime(start) > Patience)
                {
                    throw new PixException(PixErrorKind.Unavailable,
                        $"The database has been away for {Patience.TotalSeconds:0} s: {error.Message}", error)
                    {
                        RetryAfter = TimeSpan.FromSeconds(5),
                    };
                }

                await Task.Delay(Pause, time, cancellation);
            }
        }
    }
}
