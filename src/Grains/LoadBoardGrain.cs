using Orleans.Concurrency;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;

namespace PixSearch.Grains;

/// <summary>
/// The board in memory: the latest report of each silo, dropped when it is stale. A large cluster is answered with a
/// sample, so that traffic grows with the number of silos and not with its square (docs/scale.md).
/// </summary>
[Reentrant]
internal sealed class LoadBoardGrain(TimeProvider time) : Grain, ILoadBoardGrain
{
    // Placement compares four; 64 leave enough after the filters, at 250 kB/s for each silo at most.
    private const int ReportsMax = 64;

    private readonly SeededRandom _random = new((ulong)Environment.TickCount64);
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

        EngineReport[] all = [.. _reports.Values.Select(entry => entry.Report)];
        if (all.Length > ReportsMax)
        {
            _random.Shuffle<EngineReport>(all);
            all = all[..ReportsMax];
        }

        return Task.FromResult(all);
    }
}
