using Orleans.Concurrency;
using PixSearch.Grains.Contracts;

namespace PixSearch.Grains;

/// <summary>The board in memory: the latest report of each silo, dropped when it is stale.</summary>
[Reentrant]
internal sealed class LoadBoardGrain(TimeProvider time) : Grain, ILoadBoardGrain
{
    private readonly Dictionary<string, (EngineReport Report, DateTimeOffset At)> _reports = [];

    public Task<EngineReport[]> ExchangeAsync(EngineReport report)
    {
        DateTimeOffset now = time.GetUtcNow();
        if (!_reports.TryGetValue(report.Silo, out var known) || known.Report.Version < report.Version)
        {
            _reports[report.Silo] = (report, now);
        }

        DateTimeOffset oldest = now - (3 * LoadPublisher.Period);
        foreach (string silo in _reports.Where(pair => pair.Value.At < oldest).Select(pair => pair.Key).ToArray())
        {
            _reports.Remove(silo);
        }

        return Task.FromResult(_reports.Values.Select(entry => entry.Report).ToArray());
    }
}
