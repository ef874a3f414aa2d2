using PixSearch.Tensors.Benchmarks;

namespace PixSearch.Tensors.Tests;

/// <summary>What the benchmarks reckon with; what they measure is the machine's.</summary>
public sealed class BenchmarkTests
{
    [Theory]
    [InlineData("12 (px-kernel-1) R 1 2 3", true)]
    [InlineData("12 (px-kernel-1) S 1 2 3", false)]
    [InlineData("12 (a) R (b) S 1", false)]
    [InlineData("12 (a) S (b) R 1", true)]
    public void ThreadRest_StateOfAThread_IsReadBehindItsName(string stat, bool running) =>
        Assert.Equal(running, ThreadRest.IsRunning(stat));

    [Fact]
    public void ThreadRest_LineWithoutState_IsAnError() =>
        Assert.Throws<FormatException>(() => ThreadRest.IsRunning("12 (cut off)"));

    [Fact]
    public void OfBound_WorkingSetBetweenTwoSizes_IsHeldToTheBandwidthOfTheLargerOne()
    {
        var limits = new MachineLimits(1000, [new(10, 500), new(100, 200), new(1000, 50)]);
        var peers = new Dictionary<string, double>();

        // 60 bytes at 200 a second are 0.3 s, more than 100 operations at 1000 a second.
        Assert.Equal(0.5, new KernelResult("op", "a", 100, 60, 0.6, peers).OfBound(limits), 1e-12);

        // 400 operations take 0.4 s, more than the bytes.
        Assert.Equal(0.8, new KernelResult("op", "b", 400, 60, 0.5, peers).OfBound(limits), 1e-12);

        // Beyond the largest size: memory.
        Assert.Equal(1, new KernelResult("op", "c", 0, 5000, 100, peers).OfBound(limits), 1e-12);
    }

    [Fact]
    public void ReadBytes_LargerSizeMeasuredFaster_CountsForSmallerOnesToo()
    {
        var limits = new MachineLimits(1000, [new(10, 100), new(100, 300), new(1000, 50)]);
        Assert.Equal(300, limits.ReadBytes(5));
        Assert.Equal(300, limits.ReadBytes(100));
        Assert.Equal(50, limits.ReadBytes(101));
    }
}
