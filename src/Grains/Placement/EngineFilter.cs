using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;
using PixSearch.Inference.Placement;

namespace PixSearch.Grains.Placement;

/// <summary>
/// Leaves the silos whose engine can take the session: its model is loaded there and the silo is not leaving
/// (<see cref="EngineChoice.CanServe"/>). Which of them is the director's to say.
/// </summary>
[GenerateSerializer, Immutable]
[Alias("pixsearch.EngineFilter")]
public sealed class EngineFilter() : PlacementFilterStrategy(order: 1)
{
    /// <summary>The one instance.</summary>
    public static EngineFilter Singleton { get; } = new();
}

/// <summary>For grains that should only live beside an engine that can work for them.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class EngineFilterAttribute() : PlacementFilterAttribute(EngineFilter.Singleton);

/// <summary>Filters by the last reports; where none of these silos can, or nothing is known yet, all stay: then the
/// grain finds out and says so, instead of a placement that fails without a reason.</summary>
internal sealed class EngineFilterDirector(LoadView view) : IPlacementFilterDirector
{
    public IEnumerable<SiloAddress> Filter(PlacementFilterStrategy filterStrategy, PlacementTarget target,
        IEnumerable<SiloAddress> silos)
    {
        SiloAddress[] all = [.. silos];
        EngineWish wish = EnginePlacement.Read(target.RequestContextData);
        var able = view.Engines.Where(engine => EngineChoice.CanServe(engine, wish)).Select(engine => engine.Engine)
            .ToHashSet();
        SiloAddress[] left = [.. all.Where(silo => able.Contains(silo.ToParsableString()))];
        return left.Length > 0 ? left : all;
    }
}
