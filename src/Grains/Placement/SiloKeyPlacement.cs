using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;

namespace PixSearch.Grains.Placement;

/// <summary>Places a grain on the silo that its key names.</summary>
[GenerateSerializer, Immutable]
[Alias("pixsearch.SiloKeyPlacement")]
public sealed class SiloKeyPlacement : PlacementStrategy
{
    /// <summary>The one instance.</summary>
    public static SiloKeyPlacement Singleton { get; } = new();
}

/// <summary>For grains whose key is a silo's address.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class SiloKeyPlacementAttribute() : PlacementAttribute(SiloKeyPlacement.Singleton);

/// <summary>Finds the silo; a silo that is gone is an error at once, so that the caller looks for another.</summary>
internal sealed class SiloKeyDirector : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target,
        IPlacementContext context)
    {
        string key = target.GrainIdentity.Key.ToString()!;
        foreach (SiloAddress silo in context.GetCompatibleSilos(target))
        {
            if (silo.ToParsableString() == key)
            {
                return Task.FromResult(silo);
            }
        }

        throw new SiloUnavailableException($"The silo {key} is not part of the cluster any more.");
    }
}
