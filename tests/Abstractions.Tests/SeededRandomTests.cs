using PixSearch.Abstractions;

namespace PixSearch.Abstractions.Tests;

/// <summary>The stream is part of the contract: data sets and checkpoints depend on it byte for byte.</summary>
public sealed class SeededRandomTests
{
    [Fact]
    public void NextUInt64_FromKnownState_FollowsThePublishedRecurrence()
    {
        // Worked by hand from xoshiro256**'s definition for the state (1, 2, 3, 4).
        var random = new SeededRandom(new SeededRandomState(1, 2, 3, 4));
        Assert.Equal([11520UL, 0UL, 1509978240UL, 1215971899390074240UL],
            [random.NextUInt64(), random.NextUInt64(), random.NextUInt64(), random.NextUInt64()]);
    }

    [Fact]
    public void Seed_Zero_ExpandsToSplitMix()
    {
        // First output of SplitMix64 from 0 is 0xE220A8397B1DCDAF.
        Assert.Equal(0xE220A8397B1DCDAFUL, new SeededRandom(0).State.S0);
    }

    [Fact]
    public void State_Restored_ContinuesTheStream()
    {
        var random = new SeededRandom(7);
        _ = random.NextGaussian();
        var copy = new SeededRandom(random.State);
        Assert.Equal(random.NextUInt64(), copy.NextUInt64());
        Assert.Equal(random.NextGaussian(), copy.NextGaussian());
    }

    [Fact]
    public void NextInt_ManyDraws_StaysInRangeAndIsEven()
    {
        var random = new SeededRandom(1);
        int[] counts = new int[7];
        for (int i = 0; i < 70_000; i++)
        {
            counts[random.NextInt(7)]++;
        }

        Assert.All(counts, count => Assert.InRange(count, 9_600, 10_400));
    }

    [Fact]
    public void NextGaussian_ManyDraws_HasMeanZeroAndVarianceOne()
    {
        var random = new SeededRandom(2);
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < 100_000; i++)
        {
            double x = random.NextGaussian();
            sum += x;
            squares += x * x;
        }

        Assert.InRange(sum / 100_000, -0.015, 0.015);
        Assert.InRange(squares / 100_000, 0.98, 1.02);
    }

    [Fact]
    public void Shuffle_Items_KeepsThemAll()
    {
        int[] items = [.. Enumerable.Range(0, 100)];
        new SeededRandom(3).Shuffle<int>(items);
        Assert.NotEqual(Enumerable.Range(0, 100), items);
        Assert.Equal(Enumerable.Range(0, 100), items.Order());
    }

    [Fact]
    public void ForStream_DifferentNumbers_GivesDifferentStreams()
    {
        Assert.NotEqual(SeededRandom.ForStream(5, 0).NextUInt64(), SeededRandom.ForStream(5, 1).NextUInt64());
        Assert.Equal(SeededRandom.ForStream(5, 1).NextUInt64(), SeededRandom.ForStream(5, 1).NextUInt64());
    }
}
