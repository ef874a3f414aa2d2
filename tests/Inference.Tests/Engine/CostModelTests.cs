using PixSearch.Abstractions;

namespace PixSearch.Inference.Engine;

/// <summary>What the pause policy believes of rows and searches, from what it is shown.</summary>
public sealed class CostModelTests
{
    [Fact]
    public void SecondsPerRow_MostlyDecodingSteps_IsThatOfARowAmongThem()
    {
        var costs = new CostModel();
        for (int i = 0; i < 400; i++)
        {
            // A step takes 4 ms and 0.03 ms a row; one in ten has a chunk of a prompt.
            int rows = i % 10 == 0 ? 200 : 12 + (i % 5);
            costs.ObserveStep(rows, 0.004 + (rows * 3e-5));
        }

        Assert.Equal(3e-5, costs.SecondsPerRow, 1e-6);

        // The mean rate of such steps is that of decoding: ten times as dear a row.
        Assert.InRange(1 / costs.RowsPerSecond, 1e-4, 5e-4);
    }

    [Fact]
    public void SecondsPerRow_StepsOfOneSize_IsTheMeanRate()
    {
        var costs = new CostModel();
        for (int i = 0; i < 200; i++)
        {
            costs.ObserveStep(100, 0.01);
        }

        Assert.Equal(1e-4, costs.SecondsPerRow, 1e-6);
    }

    [Fact]
    public void RestSeconds_LongerThanExpected_IsAsLongAgain()
    {
        var costs = new CostModel();
        for (int i = 0; i < 200; i++)
        {
            costs.ObserveSearch(SearchModality.Text, 0.2);
        }

        Assert.Equal(0.15, costs.RestSeconds(SearchModality.Text, 0.05), 1e-6);
        Assert.Equal(0.5, costs.RestSeconds(SearchModality.Text, 0.5), 1e-6);
    }

    [Fact]
    public void UnusedShare_IdleThenBusy_FollowsWithinASecond()
    {
        var costs = new CostModel();
        Assert.Equal(0, costs.UnusedShare);
        costs.ObservePressure(10, idle: true);
        Assert.Equal(1, costs.UnusedShare, 1e-4);
        for (int i = 0; i < 100; i++)
        {
            costs.ObservePressure(0.01, idle: false);
        }

        Assert.Equal(Math.Exp(-1), costs.UnusedShare, 1e-4);
    }
}
