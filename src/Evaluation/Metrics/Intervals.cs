using PixSearch.Abstractions;

namespace PixSearch.Evaluation;

/// <summary>A value with its 95 % confidence interval.</summary>
public readonly record struct Estimate(double Value, double Low, double High)
{
    /// <summary>Half of the interval's width.</summary>
    public double HalfWidth => (High - Low) / 2;
}

/// <summary>95 % confidence intervals. All are deterministic: resampling has a fixed seed.</summary>
public static class Intervals
{
    private const double Z = 1.959963984540054;

    /// <summary>Resamples of a bootstrap; the ends of a 95 % interval then vary by about 1 % of its width.</summary>
    private const int Resamples = 4000;

    /// <summary>
    /// Wilson's interval of a share: right for small samples and shares near 0 and 1, where the normal approximation is
    /// not.
    /// </summary>
    /// <param name="successes">0..<paramref name="trials"/>.</param>
    /// <param name="trials">With 0 trials everything is NaN.</param>
    public static Estimate Wilson(int successes, int trials)
    {
        if (trials == 0)
        {
            return new Estimate(double.NaN, double.NaN, double.NaN);
        }

        double share = (double)successes / trials;
        double z2 = Z * Z / trials;
        double centre = (share + (z2 / 2)) / (1 + z2);
        double half = Z / (1 + z2) * Math.Sqrt((share * (1 - share) / trials) + (z2 / (4 * trials)));

        // At the ends rounding would leave 1e-17 where the formula gives exactly 0 or 1.
        return new Estimate(share, successes == 0 ? 0 : centre - half, successes == trials ? 1 : centre + half);
    }

    /// <summary>
    /// Percentile bootstrap of a statistic over clusters: whole clusters (all questions of one scene) are drawn with
    /// replacement, since questions of a scene stand and fall together.
    /// </summary>
    /// <param name="items">The items.</param>
    /// <param name="clusterOf">Items with the same key are drawn together.</param>
    /// <param name="statistic">Of a multiset of items; may be NaN, such resamples are left out.</param>
    /// <param name="seed">Of the draws.</param>
    public static Estimate Bootstrap<T>(IReadOnlyList<T> items, Func<T, string> clusterOf, Func<IReadOnlyList<T>,
        double> statistic,
        ulong seed = 1)
    {
        double value = statistic(items);
        T[][] clusters = [.. items.GroupBy(clusterOf, StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => group.ToArray())];
        if (clusters.Length == 0)
        {
            return new Estimate(value, double.NaN, double.NaN);
        }

        var random = new SeededRandom(seed);
        var values = new List<double>(Resamples);
        var sample = new List<T>(items.Count);
        for (int i = 0; i < Resamples; i++)
        {
            sample.Clear();
            for (int c = 0; c < clusters.Length; c++)
            {
                sample.AddRange(clusters[random.NextInt(clusters.Length)]);
            }

            double one = statistic(sample);
            if (!double.IsNaN(one))
            {
                values.Add(one);
            }
        }

        values.Sort();
        return values.Count == 0
            ? new Estimate(value, double.NaN, double.NaN)
            : new Estimate(value, Percentile(values, 0.025), Percentile(values, 0.975));
    }

    private static double Percentile(List<double> sorted, double share)
    {
        double position = share * (sorted.Count - 1);
        int below = (int)position;
        int above = Math.Min(below + 1, sorted.Count - 1);
        return sorted[below] + ((position - below) * (sorted[above] - sorted[below]));
    }
}
