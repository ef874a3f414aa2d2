using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using PixSearch.Grains.Storage;

namespace PixSearch.Grains;

/// <summary>Removes old sessions every few minutes. Each silo does: the statements share the rows out.</summary>
internal sealed partial class RetentionService(SessionRetention retention, RetentionSettings settings,
    TimeProvider time, ILogger<RetentionService> log) : BackgroundService
{
    /// <summary>Between two passes; a pass with nothing to do is three look-ups in an index.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(Period, time);
        while (await timer.WaitForNextTickAsync(stopping))
        {
            try
            {
                Forgotten gone = await retention.ForgetAsync(time.GetUtcNow() - settings.Kept, stopping);
                if (gone != default)
                {
                    Removed(log, gone.Sessions, gone.Pictures, gone.Reservations);
                }
            }
            catch (NpgsqlException error)
            {
                // The next pass does what this one could not.
                Failed(log, error.Message);
            }
        }
    }

    [LoggerMessage(LogLevel.Information,
        "Removed {Sessions} sessions, {Pictures} pictures and {Reservations} reservations kept long enough")]
    private static partial void Removed(ILogger log, int sessions, int pictures, int reservations);

    [LoggerMessage(LogLevel.Warning, "Old sessions could not be removed: {Reason}")]
    private static partial void Failed(ILogger log, string reason);
}

/// <summary>How long the cluster keeps sessions.</summary>
/// <param name="Kept">At least <see cref="SessionRetention.Shortest"/>.</param>
public sealed record RetentionSettings(TimeSpan Kept);
