using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using PixSearch.Grains.Contracts;
using PixSearch.Grains.Placement;

namespace PixSearch.Grains;

/// <summary>Publishes this silo's engine report once a period and takes over everybody's.</summary>
internal sealed partial class LoadPublisher(IGrainFactory grains, IEngineHost engine, LoadView view, TimeProvider time,
    ILogger<LoadPublisher> log) : BackgroundService
{
    /// <summary>Half the age at which a queue estimate is of no use any more: an engine turns over its queue in
    /// about two seconds.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stopping)
    {
        ILoadBoardGrain board = grains.GetGrain<ILoadBoardGrain>(0);
        using var timer = new PeriodicTimer(Period, time);
        do
        {
            try
            {
                view.Replace(await board.ExchangeAsync(await engine.ReportAsync()));
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // The board moves when its silo is lost; until then the old view serves.
                BoardUnreachable(log, error.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stopping));
    }

    [LoggerMessage(LogLevel.Warning, "The load board cannot be reached: {Reason}")]
    private static partial void BoardUnreachable(ILogger log, string reason);
}
