using PixSearch.Abstractions;

namespace PixSearch.Inference.Placement;

/// <summary>
/// Which engine takes a session: the one where it is expected to be done first. The estimate is queued cost plus the
/// session's own,
/// less what a cached picture saves, stretched when pages run short: <c>(queued + own - saved) / max(freeShare,
/// 0.05)</c>.
/// </summary>
/// <remarks>
/// Reports are up to a second old, so the best of all would be everybody's choice at once (herding): among 100 engines
/// that waits 20 times longer than the best of a few drawn at random (docs/scale.md). So only <see cref="SampleMax"/>
/// engines and those that hold the picture are compared (power of d choices; Mitzenmacher, "How Useful Is Old
/// Information?", 2000), and between the two best a random bit decides, weighted by their estimates.
/// </remarks>
public static class EngineChoice
{
    /// <summary>Engines that are compared, those aside that hold the picture.</summary>
    public const int SampleMax = 4;

    // A picture that everybody asks about is held everywhere soon; more holders would only be a larger herd.
    private const int HoldersMax = 2;

    // Below 5 % of free pages a session would only preempt others; the stretch is bounded so that estimates stay
    // comparable.
    private const double FreeShareMin = 0.05;

    /// <summary>The engine to use among any number, compared by sample; null when none can take the session.</summary>
    /// <param name="engines">Reports, one an engine.</param>
    /// <param name="wish">What the session wants.</param>
    /// <param name="random">The caller's random stream.</param>
    public static EngineLoad? Pick(IEnumerable<EngineLoad> engines, EngineWish wish, SeededRandom random)
    {
        EngineLoad[] able = [.. engines.Where(engine => CanServe(engine, wish))];
        random.Shuffle<EngineLoad>(able);
        IEnumerable<EngineLoad> holders = able.Where(engine => Holds(engine, wish)).Take(HoldersMax);
        EngineLoad[] compared = [.. able.Take(SampleMax).Union(holders)];
        int index = Pick(compared, wish, random.NextDouble());
        return index < 0 ? null : compared[index];
    }

    /// <summary>The index of the engine to use, or -1 when none can take the session.</summary>
    /// <param name="engines">Reports, one an engine; all are compared.</param>
    /// <param name="wish">What the session wants.</param>
    /// <param name="draw">A uniform number in [0, 1) from the caller's random stream.</param>
    public static int Pick(IReadOnlyList<EngineLoad> engines, EngineWish wish, double draw)
    {
        int best = -1;
        int second = -1;
        double bestCost = double.PositiveInfinity;
        double secondCost = double.PositiveInfinity;
        for (int i = 0; i < engines.Count; i++)
        {
            if (!CanServe(engines[i], wish))
            {
                continue;
            }

            double cost = Estimate(engines[i], wish);
            if (cost < bestCost)
            {
                (second, secondCost) = (best, bestCost);
                (best, bestCost) = (i, cost);
            }
            else if (cost < secondCost)
            {
                (second, secondCost) = (i, cost);
            }
        }

        if (second < 0)
        {
            return best;
        }

        // The worse one gets the share that would even out both queues: none when it is more than twice as far behind.
        double share = Math.Max(0, 1 - (secondCost - bestCost) / Math.Max(bestCost, 1)) / 2;
        return draw < share ? second : best;
    }

    /// <summary>Whether an engine may be asked at all.</summary>
    public static bool CanServe(EngineLoad engine, EngineWish wish) =>
        !engine.Draining && (wish.Model.Length == 0 || engine.Models.Contains(wish.Model));

    /// <summary>Expected cost until the session is done there, in token units.</summary>
    public static double Estimate(EngineLoad engine, EngineWish wish)
    {
        double cost = engine.CostQueued + wish.CostEstimate - (Holds(engine, wish) ? wish.CostPicture : 0);
        double free = engine.PagesFree / (double)Math.Max(1, engine.PagesTotal);
        return cost / Math.Max(free, FreeShareMin);
    }

    private static bool Holds(EngineLoad engine, EngineWish wish) =>
        wish.Picture.Length > 0 && engine.Pictures.Contains(wish.Picture);
}
