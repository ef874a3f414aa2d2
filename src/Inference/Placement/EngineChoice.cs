namespace PixSearch.Inference.Placement;

/// <summary>
/// Which engine takes a session: the one where it is expected to be done first. The estimate is queued cost plus the
/// session's own,
/// less what a cached picture saves, stretched when pages run short: <c>(queued + own - saved) / max(freeShare,
/// 0.05)</c>.
/// </summary>
/// <remarks>
/// Reports are up to a second old, so the best of all would be everybody's choice at once (herding). The caller
/// picks between the
/// two best with a random bit weighted by their estimates, which keeps the benefit of a cached picture and spreads a
/// burst (power of two choices, Mitzenmacher 2001, on the informed pair).
/// </remarks>
public static class EngineChoice
{
    // Below 5 % of free pages a session would only preempt others; the stretch is bounded so that estimates stay
    // comparable.
    private const double FreeShareMin = 0.05;

    /// <summary>The index of the engine to use, or -1 when none can take the session.</summary>
    /// <param name="engines">Reports, one an engine.</param>
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
        bool cached = wish.Picture.Length > 0 && engine.Pictures.Contains(wish.Picture);
        double cost = engine.CostQueued + wish.CostEstimate - (cached ? wish.CostPicture : 0);
        double free = engine.PagesFree / (double)Math.Max(1, engine.PagesTotal);
        return cost / Math.Max(free, FreeShareMin);
    }
}
