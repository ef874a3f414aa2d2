using PixSearch.Grains.Contracts;
using PixSearch.Inference.Placement;

namespace PixSearch.Grains.Placement;

/// <summary>
/// This silo's last view of all engines; replaced as a whole by <see cref="LoadPublisher"/>, and corrected in between
/// by what this silo has placed itself, so that a burst is spread before the next reports come. Thread-safe.
/// </summary>
public sealed class LoadView
{
    private readonly Lock _gate = new();
    private volatile EngineLoad[] _engines = [];

    /// <summary>The engines, in no particular order.</summary>
    public IReadOnlyList<EngineLoad> Engines => _engines;

    /// <summary>Takes a new view.</summary>
    public void Replace(IEnumerable<EngineReport> reports)
    {
        lock (_gate)
        {
            _engines =
            [
                .. reports.Select(report => new EngineLoad(report.Silo, report.Models.ToHashSet(), report.PagesFree,
                    report.PagesTotal, report.CostQueued, report.Pictures.ToHashSet(), report.Draining)),
            ];
        }
    }

    /// <summary>A session was given to an engine; a picture that the engine holds costs nothing there.</summary>
    public void Charge(string engine, EngineWish wish)
    {
        lock (_gate)
        {
            _engines =
            [
                .. _engines.Select(load => load.Engine == engine
                    ? load with { CostQueued = load.CostQueued + CostOf(wish, load) }
                    : load),
            ];
        }
    }

    private static double CostOf(EngineWish wish, EngineLoad load) =>
        wish.CostEstimate - (load.Pictures.Contains(wish.Picture) ? wish.CostPicture : 0);
}
