namespace PixSearch.Tensors.Conformance;

/// <summary>Which results are views of their source, and which have elements of their own.</summary>
public sealed class OwnershipTests
{
    // Each is the identity, so that a backend is tempted to hand its source out again.
    public static TheoryData<string, Func<IGradientBackend, Tensor, Tensor>> Copies { get; } = new()
    {
        { "Permute", (b, x) => b.Permute(x, 0, 1) },
        { "Slice", (b, x) => b.Slice(x, 1, 0, 3) },
        { "Pad", (b, x) => b.Pad(x, 0, 0, 0) },
        { "Concat", (b, x) => b.Concat(0, x) },
        { "Gather", (b, x) => b.Gather(x, [0, 1]) },
        { "Affine", (b, x) => b.Affine(x, 1) },
        { "Resize", (b, x) => b.Resize(b.Reshape(x, new Shape(1, 1, 2, 3)), 2, 3, ResizeMode.Bilinear) },
        { "SumTo", (b, x) => b.SumTo(x, x.Shape) },
        { "Sum", (b, x) => b.Sum(b.Reshape(x, new Shape(1, 2, 3)), 0) },
        { "Mean", (b, x) => b.Mean(b.Reshape(x, new Shape(2, 1, 3)), 1) },
        { "ResizeBackward", (b, x) => b.ResizeBackward(b.Reshape(x, new Shape(1, 1, 2, 3)), new Shape(1, 1, 2, 3),
            ResizeMode.Nearest) },
    };

    [ConformanceTheory]
    [MemberData(nameof(Copies))]
    public void Op_ThatMayBeTheIdentity_GivesElementsOfItsOwn(string op, Func<IGradientBackend, Tensor, Tensor> call)
    {
        foreach (string name in BackendsUnderTest.Names)
        {
            using IGradientBackend backend = BackendsUnderTest.Create(name);
            using var scope = new TensorScope();
            Tensor x = backend.From([1, 2, 3, 4, 5, 6], new Shape(2, 3));
            Tensor y = call(backend, x);
            Assert.Equal([1f, 2, 3, 4, 5, 6], Conformance.Numbers(backend, y));
            backend.AddInto(y, backend.From([9, 9, 9, 9, 9, 9], y.Shape));
            Assert.True(Conformance.Numbers(backend, x).SequenceEqual([1f, 2, 3, 4, 5, 6]), $"{name} {op}");
        }
    }

    [ConformanceFact]
    public void View_OfDisposedTensor_KeepsTheMemory()
    {
        foreach (string name in BackendsUnderTest.Names)
        {
            using IGradientBackend backend = BackendsUnderTest.Create(name);
            Tensor tensor = backend.From([1, 2, 3, 4], new Shape(2, 2));
            Tensor row = backend.Slice(tensor, 0, 1, 1);
            Tensor flat = backend.Reshape(row, new Shape(2));
            tensor.Dispose();
            Assert.Equal(1, BackendsUnderTest.Outstanding(backend));
            using (Tensor one = backend.From([1, 1], flat.Shape))
            {
                backend.AddInto(flat, one);
            }

            Assert.Equal([4f, 5f], Conformance.Numbers(backend, row));
            row.Dispose();
            flat.Dispose();
            Assert.Equal(0, BackendsUnderTest.Outstanding(backend));
        }
    }
}
