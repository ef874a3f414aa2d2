namespace PixSearch.Tensors.Conformance;

public sealed class MisuseTests
{
    public static TheoryData<string, string, Func<IGradientBackend, object>> Cases { get; } = new()
    {
        { "Linear", "[..., in]", b => b.Linear(b.Zeros(new Shape(2, 3)), W(b, 4, 5)) },
        { "Linear", "bias", b => b.Linear(b.Zeros(new Shape(2, 5)), W(b, 4, 5), W(b, 3)) },
        { "MatMul", "inner sizes 3 and 4", b => b.MatMul(b.Zeros(new Shape(2, 3)), b.Zeros(new Shape(4, 2))) },
        { "MatMul", "two dimensions", b => b.MatMul(b.Zeros(new Shape(3)), b.Zeros(new Shape(3, 2))) },
        { "Add", "agree from the right", b => b.Add(b.Zeros(new Shape(2, 3)), b.Zeros(new Shape(2))) },
        { "Reshape", "number of elements", b => b.Reshape(b.Zeros(new Shape(2, 3)), new Shape(5)) },
        { "Permute", "given twice", b => b.Permute(b.Zeros(new Shape(2, 3)), 1, 1) },
        { "Permute", "one for each dimension", b => b.Permute(b.Zeros(new Shape(2, 3)), 0) },
        { "Slice", "leaves axis 1", b => b.Slice(b.Zeros(new Shape(2, 3)), 1, 2, 2) },
        { "Slice", "leaves axis 0", b => b.Slice(b.Zeros(new Shape(2, 3)), 0, int.MaxValue, 2) },
        { "Concat", "agree in all sizes", b => b.Concat(0, b.Zeros(new Shape(2, 3)), b.Zeros(new Shape(2, 4))) },
        { "Gather", "index 2", b => b.Gather(b.Zeros(new Shape(2, 3)), [2]) },
        { "Embedding", "index 9", b => b.Embedding(W(b, 9, 2), [9]) },
        { "RmsNorm", "scale must be [width]", b => b.RmsNorm(b.Zeros(new Shape(2, 3)), W(b, 2), 1e-5f) },
        { "ChannelNorm", "[batch, channels", b => b.ChannelNorm(b.Zeros(new Shape(2, 3)), W(b, 3), W(b, 3), 1e-5f) },
        { "Rotate", "even size",
        b => b.Rotate(b.Zeros(new Shape(1, 2, 1, 3)), b.Zeros(new Shape(2, 3)), b.Zeros(new Shape(2, 3))) },
        { "Attention", "multiple of kvHeads", b => b.Attention(Q(b, 3), Q(b, 2), Q(b, 2), AttentionMask.Full, 1) },
        { "Attention", "key validity",
        b => b.Attention(Q(b, 1), Q(b, 1), Q(b, 1), new AttentionMask { KeyValid = b.Zeros(new Shape(1, 9)) }, 1) },
        { "Attention", "belong together", b =>
        b.Attention(Q(b, 1), Q(b, 1), Q(b, 1), new AttentionMask { BiasRows = b.Zeros(new Shape(1, 1, 4, 2)) }, 1) },
        { "Conv2d", "that fits", b => b.Conv2d(b.Zeros(new Shape(1, 3, 2, 2)), W(b, 4, 3, 3, 3), null, 1, 0) },
        { "Conv2d", "stride 0", b => b.Conv2d(b.Zeros(new Shape(1, 3, 4, 4)), W(b, 4, 3, 3, 3), null, 0, 0) },
        { "Resize", "cannot be resized", b => b.Resize(b.Zeros(new Shape(1, 3, 4, 4)), 0, 4, ResizeMode.Nearest) },
        { "SumTo", "must broadcast", b => b.SumTo(b.Zeros(new Shape(2, 3)), new Shape(2)) },
    };

    [ConformanceTheory]
    [MemberData(nameof(Cases))]
    public void Op_WrongArguments_NamesOpRuleAndShapes(string op, string rule, Func<IGradientBackend, object> call)
    {
        using IGradientBackend backend = BackendsUnderTest.Create(BackendsUnderTest.Names[0]);
        using var scope = new TensorScope();
        ArgumentException error = Assert.Throws<ArgumentException>(() => call(backend));
        Assert.StartsWith(op + ":", error.Message, StringComparison.Ordinal);
        Assert.Contains(rule, error.Message, StringComparison.Ordinal);
    }

    [ConformanceFact]
    public void LinearBackwardWeight_DestinationOverlapsSource_IsRefused()
    {
        using IGradientBackend backend = BackendsUnderTest.Create(BackendsUnderTest.Names[0]);
        using var scope = new TensorScope();
        Tensor x = backend.Zeros(new Shape(4, 4));
        Assert.Contains("overlaps", Assert.Throws<ArgumentException>(
            () => backend.LinearBackwardWeight(x, backend.Zeros(new Shape(4, 4)), x, null)).Message,
            StringComparison.Ordinal);
    }

    [ConformanceFact]
    public void Op_DisposedTensor_SaysSo()
    {
        using IGradientBackend backend = BackendsUnderTest.Create(BackendsUnderTest.Names[0]);
        using var scope = new TensorScope();
        Tensor x = backend.Zeros(new Shape(2, 3));
        x.Dispose();
        Assert.Contains("[2, 3] was disposed",
            Assert.Throws<ObjectDisposedException>(() => backend.Affine(x, 2)).Message,
            StringComparison.Ordinal);
    }

    [ConformanceFact]
    public void Empty_AboveThePoolsLimit_NamesBothNumbersAndLeavesThePoolUsable()
    {
        using IGradientBackend backend = BackendsUnderTest.Create(BackendsUnderTest.Names[0], bytesMax: 1 << 20);
        using var scope = new TensorScope();
        string message = Assert.Throws<InsufficientMemoryException>(() => backend.Empty(new Shape(1 << 20))).Message;
        Assert.Contains("1048576 elements", message, StringComparison.Ordinal);
        Assert.Contains("limit is 1048576", message, StringComparison.Ordinal);
        Assert.Equal(1000, backend.Empty(new Shape(1000)).Count);
    }

    [ConformanceFact]
    public void Op_TensorOfAnotherBackend_SaysWhereItLives()
    {
        using IGradientBackend backend = BackendsUnderTest.Create(BackendsUnderTest.Names[0]);
        using var scope = new TensorScope();
        using var elsewhere = Tensor.Over(new ElsewhereStorage(), 0, new Shape(2));
        string message = Assert.Throws<ArgumentException>(() => backend.Affine(elsewhere, 2)).Message;
        Assert.Contains("lives in ElsewhereStorage", message, StringComparison.Ordinal);
    }

    private static Weight W(IBackend backend, params ReadOnlySpan<int> sizes) =>
        new("w", backend.Zeros(new Shape(sizes)));

    private static Tensor Q(IBackend backend, int heads) => backend.Zeros(new Shape(1, 4, heads, 2));

    private sealed class ElsewhereStorage : TensorStorage
    {
        public override int Length => 2;

        public override Span<float> HostSpan => throw new InvalidOperationException("Not in host memory.");

        protected override void Free()
        {
        }
    }
}
