using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;
using PixSearch.Abstractions;
using PixSearch.Inference.Placement;

namespace PixSearch.Grains.Placement;

/// <summary>
/// Places a session's grain on the silo whose engine should compute it (<see cref="EngineChoice"/>), so that events
/// cross one hop only. The caller's wish travels in the request context under <see cref="WishKey"/>.
/// </summary>
[GenerateSerializer, Immutable]
[Alias("pixsearch.EnginePlacement")]
public sealed class EnginePlacement : PlacementStrategy
{
    /// <summary>Request context key: <c>model|pictureHash|cost|costPicture</c>.</summary>
    public const string WishKey = "pixsearch.wish";

    /// <summary>The one instance.</summary>
    public static EnginePlacement Singleton { get; } = new();

    /// <summary>Puts a wish into the request context of the calls that follow.</summary>
    public static void Carry(EngineWish wish) => RequestContext.Set(WishKey,
        FormattableString.Invariant($"{wish.Model}|{wish.Picture}|{wish.CostEstimate:R}|{wish.CostPicture:R}"));

    internal static EngineWish Read(IReadOnlyDictionary<string, object>? context)
    {
        string[] parts = context?.GetValueOrDefault(WishKey) is string text ? text.Split('|') : [];
        return parts.Length == 4
            ? new EngineWish(parts[0], parts[1], Number(parts[2]), Number(parts[3]))
            : new EngineWish("", "", 0, 0);
    }

    private static double Number(string text) => double.TryParse(text, System.Globalization.NumberStyles.Float,
        System.Globalization.CultureInfo.InvariantCulture, out double value) ? value : 0;
}

/// <summary>For grains that should live beside the engine that works for them.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class EnginePlacementAttribute() : PlacementAttribute(EnginePlacement.Singleton);

/// <summary>Scores compatible silos by their last reports; falls back to any silo while nothing is known.</summary>
internal sealed class EngineDirector(LoadView view) : IPlacementDirector
{
    private readonly SeededRandom _random = new((ulong)Environment.ProcessId);

    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target,
        IPlacementContext context)
    {
        SiloAddress[] silos = context.GetCompatibleSilos(target);
        if (silos.Length == 0)
        {
            throw new SiloUnavailableException("No silo of the cluster can hold sessions.");
        }

        var byName = silos.ToDictionary(silo => silo.ToParsableString());
        EngineWish wish = EnginePlacement.Read(target.RequestContextData);
        lock (_random)
        {
            EngineLoad? best = EngineChoice.Pick(view.Engines.Where(engine => byName.ContainsKey(engine.Engine)), wish,
                _random);
            return Task.FromResult(best is null ? silos[_random.NextInt(silos.Length)] : byName[best.Engine]);
        }
    }
}
