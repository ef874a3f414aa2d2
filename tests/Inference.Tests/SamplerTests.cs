using PixSearch.Abstractions;
using PixSearch.Inference.Sampling;

namespace PixSearch.Inference;

/// <summary>Token choice against the definition: softmax over what top-k and the nucleus leave.</summary>
public sealed class SamplerTests
{
    private static readonly float[] s_logits = [0, 1, 3, 2, -1, 2];

    [Fact]
    public void Choose_Greedy_TakesFirstOfTheLargest()
    {
        Assert.Equal(2, new Sampler().Choose([.. s_logits], new SamplingOptions(), 0, null));
        Assert.Equal(1, new Sampler().Choose([0, 5, 5], new SamplingOptions(), 0, null));
    }

    [Fact]
    public void Choose_Forbidden_TakesTheNextBest()
    {
        Assert.Equal(3, new Sampler().Choose([.. s_logits], new SamplingOptions(), 0, token => token == 2));
        PixException error = Assert.Throws<PixException>(
            () => new Sampler().Choose([1, 2], new SamplingOptions(), 0, _ => true));
        Assert.Equal(PixErrorKind.Internal, error.Kind);
    }

    [Fact]
    public void Choose_Temperature_FollowsSoftmax()
    {
        var options = new SamplingOptions { Temperature = 0.7f, Seed = 11 };
        var counts = new double[s_logits.Length];
        var sampler = new Sampler();
        const int Draws = 40_000;
        for (int i = 0; i < Draws; i++)
        {
            counts[sampler.Choose([.. s_logits], options, i, null)]++;
        }

        double total = s_logits.Sum(value => Math.Exp(value / 0.7));
        for (int i = 0; i < counts.Length; i++)
        {
            double expected = Math.Exp(s_logits[i] / 0.7) / total;
            // Five standard deviations of a binomial share.
            Assert.InRange(counts[i] / Draws - expected, -5 * Sigma(expected), 5 * Sigma(expected));
        }

        static double Sigma(double p) => Math.Sqrt(p * (1 - p) / Draws);
    }

    [Theory]
    [InlineData(1, 1f, new[] { 2 })]
    [InlineData(3, 1f, new[] { 2, 3, 5 })]
    [InlineData(0, 0.5f, new[] { 2 })]
    [InlineData(0, 0.7f, new[] { 2, 3 })]
    public void Choose_TopKAndNucleus_LeaveExactlyThese(int topK, float topP, int[] expected)
    {
        var options = new SamplingOptions { Temperature = 1, TopK = topK, TopP = topP, Seed = 3 };
        var seen = new SortedSet<int>();
        var sampler = new Sampler();
        for (int i = 0; i < 2_000; i++)
        {
            seen.Add(sampler.Choose([.. s_logits], options, i, null));
        }

        Assert.Equal(expected, seen);
    }

    [Fact]
    public void Choose_SamePosition_IsTheSameWithoutAnyState()
    {
        var options = new SamplingOptions { Temperature = 2, Seed = 5 };
        var warm = new Sampler();
        int[] run = [.. Enumerable.Range(0, 100).Select(i => warm.Choose([.. s_logits], options, i, null))];

        Assert.Equal(run[70], new Sampler().Choose([.. s_logits], options, 70, null));
        Assert.Equal(run[13], new Sampler().Choose([.. s_logits], options, 13, null));
        Assert.NotEqual(run, Enumerable.Range(0, 100).Select(
            i => warm.Choose([.. s_logits], options with { Seed = 6 }, i, null)));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Choose_BrokenLogits_SaysBrokenArtifact(float bad)
    {
        PixException error = Assert.Throws<PixException>(
            () => new Sampler().Choose([0, bad, 1], new SamplingOptions { Temperature = 1 }, 0, null));

        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
    }
}
