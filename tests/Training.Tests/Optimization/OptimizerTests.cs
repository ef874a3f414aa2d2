using PixSearch.Tensors;
using PixSearch.Training.Optimization;

namespace PixSearch.Training.Tests.Optimization;

/// <summary>One step worked by hand, the vector path against the scalar one, schedule and clipping.</summary>
public sealed class OptimizerTests
{
    [Fact]
    public void AdamW_FirstStep_MovesByRateAgainstTheSign()
    {
        using var backend = new ReferenceBackend();
        using var weight = new Weight("w", backend.From([1, -2], new Shape(2, 1))) { Trainable = true };
        using Tensor gradient = backend.From([0.5f, -3], new Shape(2, 1));
        var optimizer = new AdamW([weight], new AdamWOptions { WeightDecay = 0.1f });
        optimizer.Step(_ => gradient, 0.01f);

        // m / (1 - b1) = g and sqrt(v / (1 - b2)) = |g|, so the first step is rate * sign(g); decay shrinks first.
        float[] expected = [(1 * (1 - 0.001f)) - 0.01f, (-2 * (1 - 0.001f)) + 0.01f];
        Assert.Equal(expected[0], weight.Plain!.Span[0], 1e-6);
        Assert.Equal(expected[1], weight.Plain!.Span[1], 1e-6);
        Assert.Equal(1, weight.Version);
        Assert.Equal(0.05f, optimizer.Slots[0].Mean[0], 1e-7);
        Assert.Equal(0.05f * 0.25f, optimizer.Slots[0].Square[0], 1e-7);
    }

    [Fact]
    public void AdamW_LongWeight_VectorAndTailAgree()
    {
        // 37 equal elements: two vectors and a tail of five must all end the same.
        using var backend = new ReferenceBackend();
        using var weight = new Weight("w", backend.From(Enumerable.Repeat(0.7f, 37).ToArray(), new Shape(37)));
        using Tensor gradient = backend.From(Enumerable.Repeat(-0.3f, 37).ToArray(), new Shape(37));
        var optimizer = new AdamW([weight], new AdamWOptions());
        for (int step = 0; step < 5; step++)
        {
            optimizer.Step(_ => gradient, 0.02f, 0.5f);
        }

        Assert.Single(weight.Plain!.Span.ToArray().Distinct());
    }

    // Longer than a task's piece, beside short ones: every element moves as it would alone.
    [Fact]
    public void AdamW_LongWeightInSeveralTasks_SameBitsAsElementByElement()
    {
        const int Count = 150_001;
        using var backend = new ReferenceBackend();
        float[] values = [.. Enumerable.Range(0, Count).Select(i => MathF.Sin(i))];
        float[] slopes = [.. Enumerable.Range(0, Count).Select(i => MathF.Cos(3 * i) * 1e-2f)];
        using var weight = new Weight("w", backend.From(values, new Shape(1, Count)));
        using var small = new Weight("s", backend.From(values.AsSpan(7, 3), new Shape(1, 3)));
        using Tensor gradient = backend.From(slopes, new Shape(1, Count));
        using Tensor smallGradient = backend.From(slopes.AsSpan(7, 3), new Shape(1, 3));
        var options = new AdamWOptions { WeightDecay = 0.1f };
        var optimizer = new AdamW([weight, small], options);
        for (int step = 0; step < 3; step++)
        {
            optimizer.Step(w => w == weight ? gradient : smallGradient, 0.02f, 0.5f);
        }

        Assert.Equal(weight.Plain!.Span.Slice(7, 3).ToArray(), small.Plain!.Span.ToArray());
        for (int i = 0; i < Count; i += 1811)
        {
            using var one = new Weight("one", backend.From([values[i]], new Shape(1, 1)));
            using Tensor slope = backend.From([slopes[i]], new Shape(1, 1));
            var alone = new AdamW([one], options);
            for (int step = 0; step < 3; step++)
            {
                alone.Step(_ => slope, 0.02f, 0.5f);
            }

            Assert.Equal(one.Plain!.Span[0], weight.Plain!.Span[i]);
            Assert.Equal(alone.Slots[0].Mean[0], optimizer.Slots[0].Mean[i]);
            Assert.Equal(alone.Slots[0].Square[0], optimizer.Slots[0].Square[i]);
        }
    }

    [Fact]
    public void AdamW_NoGradient_LeavesWeightAlone()
    {
        using var backend = new ReferenceBackend();
        using var weight = new Weight("w", backend.From([1, 2], new Shape(2, 1)));
        new AdamW([weight], new AdamWOptions { WeightDecay = 1 }).Step(_ => null, 1);
        Assert.Equal([1f, 2f], weight.Plain!.Span.ToArray());
    }

    [Fact]
    public void WarmupCosine_OverTheRun_RisesThenFallsToItsFloor()
    {
        var schedule = new WarmupCosine(2, 0.1f, 0.25f);
        Assert.Equal(0, schedule.RateAt(0));
        Assert.Equal(1, schedule.RateAt(0.05), 1e-5);
        Assert.Equal(2, schedule.RateAt(0.1), 1e-5);
        Assert.Equal(2 * (0.25 + (0.75 * 0.5)), schedule.RateAt(0.55), 1e-5);
        Assert.Equal(0.5, schedule.RateAt(1), 1e-5);
        Assert.Equal(0.5, schedule.RateAt(7), 1e-5);
    }

    [Fact]
    public void GradientClip_NormAboveLimit_ScalesToIt()
    {
        using var backend = new ReferenceBackend();
        using Tensor a = backend.From([3], new Shape(1));
        using Tensor b = backend.From([0, 4], new Shape(2));
        double norm = GradientClip.GlobalNorm([a, b]);
        Assert.Equal(5, norm, 1e-6);
        Assert.Equal(0.2f, GradientClip.Scale(norm, 1));
        Assert.Equal(1, GradientClip.Scale(norm, 6));
        Assert.Equal(0, GradientClip.Scale(double.NaN, 1));
    }
}
