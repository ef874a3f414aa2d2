namespace PixSearch.Evaluation.Tests;

/// <summary>
/// Goal: metrics as published, quirks included. Method: values worked out by hand or from the formulas' authors' code.
/// </summary>
public sealed class MetricTests
{
    [Fact]
    public void CragScores_FourAnswers_FollowTheFormula()
    {
        CragScores scores = CragScores.Of(
            [(Verdict.Correct, "a"), (Verdict.Correct, "b"), (Verdict.Missing, "c"), (Verdict.Wrong, "d")]);
        Assert.Equal(0.5, scores.Accuracy.Value);
        Assert.Equal(0.25, scores.Missing.Value);
        Assert.Equal(0.25, scores.Hallucination.Value);
        Assert.Equal(0.25, scores.Truthfulness.Value);
        Assert.InRange(scores.Truthfulness.Low, -1, 0.25);
        Assert.InRange(scores.Truthfulness.High, 0.25, 1);
    }

    [Fact]
    public void CragScores_Nothing_IsNotANumber() => Assert.True(double.IsNaN(CragScores.Of([]).Truthfulness.Value));

    [Theory]
    [InlineData(0, 10, 0, 0.2775)]
    [InlineData(10, 10, 0.7225, 1)]
    [InlineData(5, 10, 0.2366, 0.7634)]
    [InlineData(377, 1000, 0.3475, 0.4075)]
    public void Wilson_LiteralCounts_EqualsKnownInterval(int successes, int trials, double low, double high)
    {
        Estimate interval = Intervals.Wilson(successes, trials);
        Assert.Equal(low, interval.Low, 4);
        Assert.Equal(high, interval.High, 4);
    }

    [Fact]
    public void Bootstrap_ManyCoins_IsCloseToTheNormalInterval()
    {
        int[] coins = [.. Enumerable.Range(0, 400).Select(i => i % 2)];
        Estimate estimate = Intervals.Bootstrap(coins.Select((value, i) => (value, i)).ToArray(), one => $"{one.i:D4}",
            items => items.Average(one => (double)one.value));
        Assert.Equal(0.5, estimate.Value);
        Assert.Equal(0.451, estimate.Low, 2);
        Assert.Equal(0.549, estimate.High, 2);
    }

    [Fact]
    public void Bootstrap_OneCluster_HasNoWidth()
    {
        // All questions of one scene say no more than the scene does.
        Estimate estimate = Intervals.Bootstrap([1.0, 0, 0, 1], _ => "scene", items => items.Average());
        Assert.Equal((0.5, 0.5, 0.5), (estimate.Value, estimate.Low, estimate.High));
    }

    [Fact]
    public void Bootstrap_SameSeed_GivesTheSameInterval()
    {
        double[] values = [.. Enumerable.Range(1, 40).Select(i => Math.Sqrt(i))];
        Assert.Equal(Run(3), Run(3));
        Assert.NotEqual(Run(3), Run(4));

        Estimate Run(ulong seed) => Intervals.Bootstrap(values, value => $"{value}", items => items.Average(), seed);
    }

    [Fact]
    public void GeneralizedIou_EmptyPair_CountsAsOne()
    {
        double score = SegmentationScores.GeneralizedIou([new MaskOverlap(0, 0), new MaskOverlap(1, 2)]);
        Assert.Equal((1 + (1 / 2.00001)) / 2, score, 12);
    }

    [Fact]
    public void CumulativeIou_LiteralOverlaps_SumsFirst()
    {
        Assert.Equal(31.0 / 102, SegmentationScores.CumulativeIou([new MaskOverlap(1, 2), new MaskOverlap(30, 100)]),
            9);
        Assert.Equal(0, SegmentationScores.CumulativeIou([new MaskOverlap(0, 0)]));
    }

    [Fact]
    public void MeanIou_TwoClasses_AveragesClasses()
    {
        double score = SegmentationScores.MeanIou(
            [("cat", new MaskOverlap(1, 2)), ("cat", new MaskOverlap(3, 6)), ("dog", new MaskOverlap(1, 1)),
            ("sky", new MaskOverlap(0, 0))]);
        Assert.Equal((0.5 + 1) / 2, score, 12);
    }

    [Fact]
    public void MaskOverlap_IgnoredPixels_DoNotCount() =>
        Assert.Equal(new MaskOverlap(1, 3), MaskOverlap.Of([1, 1, 0, 0, 1], [1, 0, 1, 0, MaskOverlap.Ignore]));

    [Fact]
    public void RelaxedMatch_SubsequenceInPrefix_IsOne()
    {
        Assert.Equal(new RelaxedScore(1, 1, 1, 1), RelaxedMatch.Score([7, 1, 2, 9], [1, 2]));
        Assert.Equal(0, RelaxedMatch.Score([7, 8, 1, 2], [1, 2], prefix: 3).ExactMatch);
    }

    [Fact]
    public void RelaxedMatch_NoSubsequence_IsTheBagScore()
    {
        // Overlap: one 1 and one 2 of the reference's two 1s and one 2.
        RelaxedScore score = RelaxedMatch.Score([2, 5, 1, 6], [1, 1, 2]);
        Assert.Equal(0, score.ExactMatch);
        Assert.Equal(0.5, score.Precision);
        Assert.Equal(2.0 / 3, score.Recall, 12);
        Assert.Equal(4.0 / 7, score.F1, 12);
    }

    [Fact]
    public void RelaxedMatch_EmptySides_AreZero()
    {
        Assert.Equal(default, RelaxedMatch.Score([], [1]));
        Assert.Equal(default, RelaxedMatch.Score([1], []));
    }

    [Fact]
    public void RelaxedMatch_SeveralReferences_TakesTheBest() =>
        Assert.Equal(1, RelaxedMatch.Best([4, 5], [[9], [5]]).ExactMatch);

    [Fact]
    public void Assignment_LiteralCosts_EqualsScipy() =>
        Assert.Equal([(0, 1), (1, 0), (2, 2)],
        Assignment.Solve(new double[,] { { 4, 1, 3 }, { 2, 0, 5 }, { 3, 2, 2 } }));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 5)]
    [InlineData(5, 3)]
    [InlineData(6, 6)]
    public void Assignment_RandomCosts_IsTheCheapestOfAll(int rows, int columns)
    {
        for (ulong seed = 1; seed <= 20; seed++)
        {
            var random = new Abstractions.SeededRandom(seed);
            var costs = new double[rows, columns];
            for (int r = 0; r < rows; r++)
            {
                for (int c = 0; c < columns; c++)
                {
                    costs[r, c] = random.NextInt(20) - 5;
                }
            }

            IReadOnlyList<(int Row, int Column)> pairs = Assignment.Solve(costs);
            Assert.Equal(Math.Min(rows, columns), pairs.Count);
            Assert.Equal(Cheapest(costs, 0, [], Math.Max(0, rows - columns)),
                pairs.Sum(pair => costs[pair.Row, pair.Column]));
        }
    }

    [Fact]
    public void MuseCost_ConfidentAndRight_IsNearZero()
    {
        Assert.Equal(0, MuseScores.Cost([50, -50, 50, -50], [1, 0, 1, 0]), 6);

        // All logits 0: entropy ln 2; dice 1 - (2*0.5*2 + 1) / (2 + 2 + 1).
        Assert.Equal(Math.Log(2) + (1 - (3.0 / 5)), MuseScores.Cost([0, 0, 0, 0], [1, 0, 1, 0]), 12);
    }

    [Fact]
    public void MuseOverlaps_UnmatchedMasks_CompareWithEmptyOnes()
    {
        IReadOnlyList<MaskOverlap> overlaps =
            MuseScores.Overlaps(new double[,] { { 1 }, { 0 } }, [[1, 1, 1], [0, 1, 1]], [[0, 0, 1]]);
        Assert.Equal([new MaskOverlap(1, 2), new MaskOverlap(0, 3)], overlaps);
        IReadOnlyList<MaskOverlap> missing = MuseScores.Overlaps(new double[0, 2], [], [[1, 0], [1, 1]]);
        Assert.Equal([new MaskOverlap(0, 1), new MaskOverlap(0, 2)], missing);
    }

    [Fact]
    public void PerBench_PublishedRow_IsReproduced() =>
        Assert.Equal(42.2, PerBench.Overall(24.2, 74, 28.45, 28.45), 1);

    private static double Cheapest(double[,] costs, int row, List<int> used, int skips)
    {
        if (row == costs.GetLength(0))
        {
            return 0;
        }

        double best = skips > 0 ? Cheapest(costs, row + 1, used, skips - 1) : double.PositiveInfinity;
        for (int c = 0; c < costs.GetLength(1); c++)
        {
            if (!used.Contains(c))
            {
                used.Add(c);
                best = Math.Min(best, costs[row, c] + Cheapest(costs, row + 1, used, skips));
                used.Remove(c);
            }
        }

        return best;
    }
}
