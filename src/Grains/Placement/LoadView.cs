using PixSearch.Grains.Contracts;
using PixSearch.Inference.Placement;

namespace PixSearch.Grains.Placement;

/// <summary>This silo's last view of all engines; replaced as a whole by <see cref="LoadPublisher"/>.</summary>
public sealed class LoadView
{
    private volatile EngineLoad[] _engines = [];

    /// <summary>The engines, in no particular order.</summary>
    public IReadOnlyList<EngineLoad> Engines => _engines;

    /// <summary>Takes a new view.</summary>
    public void Replace(IEnumerable<EngineReport> reports) => _engines =
    [
        .. reports.Select(report => new EngineLoad(report.Silo, report.Models.ToHashSet(), report.PagesFree,
            report.PagesTotal, report.CostQueued, report.Pictures.ToHashSet(), report.Draining)),
    ];
}
