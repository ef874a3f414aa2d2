using PixSearch.Abstractions;
using PixSearch.Autodiff;
using PixSearch.Tensors;
using PixSearch.Training.Losses;

namespace PixSearch.Training.Tests.Losses;

/// <summary>
/// Values worked by hand, and gradients against central differences (step 1e-2, tolerance 2e-3 of the largest gradient
/// or 1: the losses are F32).
/// </summary>
public sealed class LossTests
{
    [Fact]
    public void CrossEntropy_TwoRows_IsWeightedMeanOfNegativeLogProbabilities()
    {
        using var inner = new ReferenceBackend();
        using var backend = new AutodiffBackend(inner);
        using var scope = new TensorScope();
        Tensor logits = inner.From([0, MathF.Log(3), 5, 5, 9, 9], new Shape(3, 2));
        float loss = CrossEntropyLoss.Apply(backend, logits, [1, 0, 77], [1, 0.1f, 0]).Span[0];

        // -(log(3/4) + 0.1 log(1/2)) / 1.1; the third row has no weight and its target is not looked at.
        Assert.Equal((Math.Log(4.0 / 3) + (0.1 * Math.Log(2))) / 1.1, loss, 1e-6);
    }

    [Fact]
    public void CrossEntropy_TargetBeyondClassesOrNoWeight_Throws()
    {
        using var inner = new ReferenceBackend();
        using var backend = new AutodiffBackend(inner);
        using var scope = new TensorScope();
        Tensor logits = inner.Zeros(new Shape(1, 2));
        Assert.Throws<ArgumentException>(() => CrossEntropyLoss.Apply(backend, logits, [2], [1]));
        Assert.Throws<ArgumentException>(() => CrossEntropyLoss.Apply(backend, logits, [0], [0]));
    }

    [Fact]
    public void FocalTversky_HalfHit_FollowsTheFormula()
    {
        using var inner = new ReferenceBackend();
        using var backend = new AutodiffBackend(inner);
        using var scope = new TensorScope();

        // p = (1, 1, 0, 0), g = (1, 0, 1, 0): TP 1, FP 1, FN 1, TI = 1 / (1 + 0.7 + 0.3).
        Tensor logits = inner.From([40, 40, -40, -40], new Shape(1, 4));
        float loss = MaskLosses.FocalTversky(backend, logits, [1, 0, 1, 0]).Span[0];
        Assert.Equal(Math.Pow(0.5, 0.75), loss, 1e-4);
        float missed = MaskLosses.FocalTversky(backend, logits, [1, 1, 1, 1]).Span[0];
        Assert.Equal(Math.Pow(1 - (2 / 3.4), 0.75), missed, 1e-4);
        Assert.Equal(0, MaskLosses.FocalTversky(backend, logits, [1, 1, 0, 0]).Span[0], 1e-4);
    }

    [Fact]
    public void BinaryCrossEntropy_LargeLogits_StaysFiniteAndExact()
    {
        using var inner = new ReferenceBackend();
        using var backend = new AutodiffBackend(inner);
        using var scope = new TensorScope();
        Tensor logits = inner.From([0, 100, -100], new Shape(1, 3));
        float loss = MaskLosses.BinaryCrossEntropy(backend, logits, [1, 0, 0]).Span[0];
        Assert.Equal((Math.Log(2) + 100) / 3, loss, 1e-4);
    }

    [Fact]
    public void Contrastive_EqualViews_PrefersTheDiagonal()
    {
        using var inner = new ReferenceBackend();
        using var backend = new AutodiffBackend(inner);
        using var scope = new TensorScope();
        Tensor left = inner.From([2, 0, 0, 3], new Shape(2, 2));

        // Cosines 1 and 0 at temperature 0.5: log(1 + e^-2).
        Assert.Equal(Math.Log(1 + Math.Exp(-2)), ContrastiveLoss.Apply(backend, left, left, 0.5f).Span[0], 1e-5);
    }

    [Fact]
    public void SpanDistance_KnownShift_IsHalfMeanSquare()
    {
        using var inner = new ReferenceBackend();
        using var backend = new AutodiffBackend(inner);
        using var scope = new TensorScope();
        Tensor states = inner.From([1, 2, 3, 4], new Shape(2, 2));
        Tensor start = inner.From([1, 1, 1, 1], new Shape(2, 2));
        Assert.Equal(0.5 * (1 + 4 + 9) / 4, SpanDistanceLoss.Apply(backend, states, start).Span[0], 1e-6);
    }

    [Theory]
    [InlineData("cross-entropy")]
    [InlineData("tversky")]
    [InlineData("dice")]
    [InlineData("bce")]
    [InlineData("contrastive")]
    [InlineData("distance")]
    public void Gradient_AgainstFiniteDifferences_Agrees(string name)
    {
        float[] target = [0.9f, 0, 0.3f, 1, 0, 1, 1, 0.2f, 0, 0, 1, 1];
        Func<AutodiffBackend, Tensor, Tensor> loss = name switch
        {
            "cross-entropy" => (b, x) => CrossEntropyLoss.Apply(b, x, [2, 0, 3], [1, 0.1f, 2]),
            "tversky" => (b, x) => MaskLosses.FocalTversky(b, x, target),
            "dice" => (b, x) => MaskLosses.FocalTversky(b, x, target, missWeight: 0.5f),
            "bce" => (b, x) => MaskLosses.BinaryCrossEntropy(b, x, target),
            "contrastive" => (b, x) => ContrastiveLoss.Apply(b, x, b.Permute(b.Permute(x, 1, 0), 1, 0), 0.3f),
            _ => (b, x) => SpanDistanceLoss.Apply(b, x, b.From(target, x.Shape)),
        };
        Check(loss, new Shape(3, 4));
    }

    private static void Check(Func<AutodiffBackend, Tensor, Tensor> loss, Shape shape)
    {
        const float Step = 1e-2f;
        using var inner = new ReferenceBackend();
        using var backend = new AutodiffBackend(inner);
        using var scope = new TensorScope();
        var random = new SeededRandom(3);
        Tensor x = backend.Follow(inner.From(
            [.. Enumerable.Range(0, shape.Count).Select(_ => (float)random.NextDouble(-2, 2))], shape));
        backend.Backward(loss(backend, x));
        float[] gradient = backend.GradientOf(x)!.Span.ToArray();
        double scale = Math.Max(1, gradient.Max(Math.Abs));
        using IDisposable region = backend.NoGradient();
        for (int i = 0; i < shape.Count; i++)
        {
            float original = x.Span[i];
            x.Span[i] = original + Step;
            double above = loss(backend, x).Span[0];
            x.Span[i] = original - Step;
            double below = loss(backend, x).Span[0];
            x.Span[i] = original;
            Assert.Equal((above - below) / (2 * Step), gradient[i], 2e-3 * scale);
        }

        backend.ClearTape();
    }
}
