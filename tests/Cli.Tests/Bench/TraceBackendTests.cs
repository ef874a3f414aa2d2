using PixSearch.Autodiff;
using PixSearch.Cli.Bench.Train;
using PixSearch.Tensors;

namespace PixSearch.Cli.Bench;

// A trace must lead from each result back to its sources, also through views that no operation made.
public sealed class TraceBackendTests
{
    [Fact]
    public void Trace_ForwardPass_NotesOpsWeightsAndViewsAndEndsAtTheBackwardPass()
    {
        using var inner = new ReferenceBackend();
        using var trace = new TraceBackend(inner);
        using var backend = new AutodiffBackend(trace);
        using var scope = new TensorScope();
        using var weight = new Weight("w", inner.From([1, 2, 3, 4], new Shape(2, 2))) { Trainable = true };

        Tensor x = backend.From([1, 2], new Shape(1, 2));
        Tensor cut = backend.Detach(backend.Linear(x, weight));
        Tensor y = backend.Linear(cut, weight);
        Tensor loss = backend.Sum(backend.Reshape(backend.Slice(y, 1, 1, 1), new Shape(1)), 0);
        string[] noted = [.. trace.Ops.Select(op => op.Op)];
        backend.Backward(loss);
        int ended = trace.Ops.Count;
        backend.Add(x, x);

        Assert.Equal(["Constant", "Linear", "Reshape", "Linear", "Slice", "Reshape", "Sum"], noted);
        Assert.Equal(ended, trace.Ops.Count);
        Assert.Equal([0], trace.Ops[1].Inputs);
        Assert.Equal([1], trace.Ops[2].Inputs);
        Assert.Equal([2], trace.Ops[3].Inputs);
        Assert.Equal([1, 1, 1], trace.Ops[4].Numbers);
        Assert.Equal("w", Assert.Single(trace.Weights).Name);
    }
}
