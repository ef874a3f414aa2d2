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

    [Theory]
    [InlineData(0.02, false)]
    [InlineData(2, true)]
    public void DropGain_ShortAndLongSearches_KeepsAndDrops(double searchSeconds, bool drops)
    {
        var costs = new CostModel();
        for (int i = 0; i < 200; i++)
        {
            int rows = i % 2 == 0 ? 16 : 256;
            costs.ObserveStep(rows, 0.004 + (rows * 3e-5));
            costs.ObserveSearch(SearchModality.Text, searchSeconds);
        }

        // 900 rows are 27 ms; 450 pages of others wait for them, 57 pages of its own are kept for the search.
        double gain = costs.DropGain(SearchModality.Text, 0, rows: 900, pages: 57, pagesOthers: 450);
        Assert.Equal(drops, gain > 0);
        Assert.Equal((searchSeconds * 57) - (900 * 3e-5 * ((57 * 0.5) + 450)), gain, 0.5);
    }
}
