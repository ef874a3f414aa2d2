using PixSearch.Tensors;

namespace PixSearch.Autodiff.Tests;

/// <summary>What the tape holds, for how long, and what it refuses.</summary>
public sealed class TapeTests
{
    [Fact]
    public void Backward_ScopeClosedBefore_StillHasWhatItNeeds()
    {
        using IGradientBackend inner = Backends.Create(Backends.Names[0]);
        using var backend = new AutodiffBackend(inner);
        using Weight w = GradientCheck.Weight(inner, "w", 1, 3, 3);
        using var outer = new TensorScope();
        Tensor x = inner.From([1, 2, 3], new Shape(1, 3));
        Tensor loss;
        using (var scope = new TensorScope())
        {
            // The product and its argument die with the scope; the tape has its own references.
            Tensor y = backend.Unary(backend.Linear(backend.Linear(x, w), w), UnaryOp.Tanh);
            loss = scope.Keep(backend.Sum(backend.Reshape(y, new Shape(3)), 0));
        }

        backend.Backward(loss);
        Assert.Contains(backend.GradientOf(w).Span.ToArray(), value => value != 0);
        Assert.Equal(0, backend.EntryCount);
    }

    [Fact]
    public void Backward_Twice_AccumulatesGradients()
    {
        using IGradientBackend inner = Backends.Create(Backends.Names[0]);
        using var backend = new AutodiffBackend(inner);
        using Weight w = GradientCheck.Weight(inner, "w", 1, 2, 3);
        float[] once = Step(backend, w, 1);
        float[] twice = Step(backend, w, 0.5f);
        Assert.Equal(once.Select(value => value * 1.5f), twice);
        backend.ClearGradients();
        Assert.Equal(once, Step(backend, w, 1));
    }

    [Fact]
    public void Steps_Many_GiveAllMemoryBack()
    {
        using var inner = new ReferenceBackend();
        using Weight w = GradientCheck.Weight(inner, "w", 1, 8, 8);
        using (var backend = new AutodiffBackend(inner))
        {
            _ = Step(backend, w, 1, 8);
            int count = inner.Memory.OutstandingCount;
            for (int i = 0; i < 5; i++)
            {
                _ = Step(backend, w, 1, 8);
                Assert.Equal(count, inner.Memory.OutstandingCount);
                Assert.Equal(0, backend.SavedCount);
            }
        }

        // The weight itself is all that is left.
        Assert.Equal(1, inner.Memory.OutstandingCount);
    }

    [Fact]
    public void ClearTape_WithoutBackward_GivesMemoryBack()
    {
        using var inner = new ReferenceBackend();
        using Weight w = GradientCheck.Weight(inner, "w", 1, 4, 4);
        using var backend = new AutodiffBackend(inner);
        using (new TensorScope())
        {
            _ = backend.Unary(backend.Linear(inner.Zeros(new Shape(2, 4)), w), UnaryOp.Gelu);
        }

        Assert.NotEqual(1, inner.Memory.OutstandingCount);
        backend.ClearTape();
        Assert.Equal(1, inner.Memory.OutstandingCount);
    }

    [Fact]
    public void NoGradient_Region_RecordsNothing()
    {
        using IGradientBackend inner = Backends.Create(Backends.Names[0]);
        using var backend = new AutodiffBackend(inner);
        using Weight w = GradientCheck.Weight(inner, "w", 1, 4, 4);
        using var scope = new TensorScope();
        Tensor y;
        using (backend.NoGradient())
        {
            y = backend.Linear(inner.Zeros(new Shape(2, 4)), w);
        }

        Assert.False(backend.IsTracked(y));
        Assert.Equal(0, backend.EntryCount);
        Assert.Throws<ArgumentException>(() => backend.Backward(inner.Zeros(new Shape(1))));
    }

    [Fact]
    public void FrozenWeight_Used_IsNotRecordedAndGetsNoGradient()
    {
        using IGradientBackend inner = Backends.Create(Backends.Names[0]);
        using var backend = new AutodiffBackend(inner);
        using Weight frozen = GradientCheck.Weight(inner, "frozen", 1, 3, 3);
        using Weight w = GradientCheck.Weight(inner, "w", 2, 3, 3);
        frozen.Trainable = false;
        using var scope = new TensorScope();
        Tensor x = backend.Linear(inner.From([1, 2, 3], new Shape(1, 3)), frozen);
        Assert.Equal(0, backend.EntryCount);
        Tensor y = backend.Linear(backend.Linear(x, w), frozen);
        backend.Backward(backend.Sum(backend.Reshape(y, new Shape(3)), 0));
        Assert.Equal([w], backend.WeightsWithGradient);
    }

    [Fact]
    public void PagedAttention_TrackedQueries_Throws()
    {
        using IGradientBackend inner = Backends.Create(Backends.Names[0]);
        using var backend = new AutodiffBackend(inner);
        using var store = new KvStore(inner, 1, 1, 4, 1, 4);
        using var scope = new TensorScope();
        Tensor q = backend.Follow(inner.Zeros(new Shape(1, 1, 4)));
        var batch = new PagedBatch { Sequences = [new PagedSequence(new[] { 0 }, 0, 1, 0)] };
        Assert.Throws<InvalidOperationException>(() => backend.AppendKv(store, 0, q, q, batch));
        Assert.Throws<InvalidOperationException>(() => backend.PagedAttention(q, store, 0, batch, 1));
        backend.ClearTape();
    }

    [Fact]
    public void Custom_WithItsOwnBackward_PassesThatOn()
    {
        using IGradientBackend inner = Backends.Create(Backends.Names[0]);
        using var backend = new AutodiffBackend(inner);
        using var scope = new TensorScope();
        Tensor x = backend.Follow(inner.From([3, 4], new Shape(2)));
        Tensor y = backend.Custom("square", [x],
            (b, sources) => b.Multiply(sources[0], sources[0]),
            (b, sources, _, dy) => [b.Multiply(b.Affine(sources[0], 2), dy)]);
        backend.Backward(backend.Sum(y, 0));
        Assert.Equal([6f, 8f], backend.GradientOf(x)!.Span.ToArray());
        backend.ClearTape();
    }

    private static float[] Step(AutodiffBackend backend, Weight w, float seed, int rows = 2)
    {
        using var scope = new TensorScope();
        Tensor x = backend.From([.. Enumerable.Range(0, rows * w.Shape[1]).Select(i => i * 0.1f)], new Shape(rows,
            w.Shape[1]));
        Tensor y = backend.Unary(backend.Linear(x, w), UnaryOp.Gelu);
        Tensor sum = backend.Sum(backend.Reshape(backend.Multiply(y, y), new Shape(y.Count)), 0);
        backend.Backward(sum, seed);
        return backend.GradientOf(w).Span.ToArray();
    }
}
