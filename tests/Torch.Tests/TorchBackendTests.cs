using PixSearch.Abstractions;
using PixSearch.Torch;
using TorchSharp;

namespace PixSearch.Torch.Tests;

// What is TorchSharp's own: memory of libtorch, weights of fewer bits, devices. The ops are checked by the conformance
// suite.
public sealed class TorchBackendTests
{
    // Native tensors that this thread made and that were not freed; other tests run on threads of their own.
    private static long Live => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;

    [ConformanceFact]
    public void Ops_ManySteps_LeaveNoTensorOfLibtorchBehind()
    {
        using var backend = new TorchBackend(TorchDevice.Parse("torch:cpu"));
        Step(backend);
        long before = Live;
        for (int i = 0; i < 20; i++)
        {
            Step(backend);
        }

        Assert.Equal(before, Live);
        Assert.Equal(0, backend.OutstandingCount);
        Assert.Equal(0, backend.OutstandingBytes);
    }

    [ConformanceFact]
    public void Op_ThatFails_LeavesNoTensorOfLibtorchBehind()
    {
        using var backend = new TorchBackend(TorchDevice.Parse("torch:cpu"));
        long before = Live;
        using (new TensorScope())
        {
            Tensor x = backend.Zeros(new Shape(2, 3));
            Assert.Throws<InvalidDataException>(() => backend.Load("w", new Shape(64, 64), WeightType.BF16,
                (_, _) => throw new InvalidDataException()));
            Assert.Throws<InvalidDataException>(() => backend.Load("w", new Shape(64), null,
                (_, _) => throw new InvalidDataException()));
            Assert.Throws<ArgumentException>(() => backend.MatMul(x, x));
        }

        Assert.Equal(0, backend.OutstandingCount);
        Assert.Equal(before, Live);
    }

    /// <summary>libtorch's own refusal, not the backend's limit: 4 TB that no machine of this kind has.</summary>
    [ConformanceFact]
    public void Translate_RefusalOfTheAllocator_IsInsufficientMemory()
    {
        System.Runtime.InteropServices.ExternalException refusal = Assert
            .ThrowsAny<System.Runtime.InteropServices.ExternalException>(() => torch.empty(1L << 48));
        Assert.IsType<InsufficientMemoryException>(LibTorch.Translate("Empty", refusal));
        Assert.IsType<InvalidOperationException>(LibTorch.Translate("Add", new InvalidOperationException("shapes")));
    }

    [ConformanceFact]
    public void Span_OfATensor_IsRefusedOnTheCpuToo()
    {
        using var backend = new TorchBackend(TorchDevice.Parse("torch:cpu"));
        using Tensor x = backend.Zeros(new Shape(2));
        Assert.Contains("IBackend.Read", Assert.Throws<InvalidOperationException>(() => x.Span.Length).Message,
            StringComparison.Ordinal);
    }

    [ConformanceFact]
    public void Op_BackendDisposed_SaysSo()
    {
        var backend = new TorchBackend(TorchDevice.Parse("torch:cpu"));
        backend.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.Zeros(new Shape(2)));
    }

    /// <summary>
    /// BF16 rounds weights, activations and results to eight bits: 2^-8 of a term, relative to the root mean square
    /// of the result. Q8 is kept as BF16.
    /// </summary>
    [ConformanceTheory]
    [InlineData(WeightType.F32, 1e-5f, WeightType.F32)]
    [InlineData(WeightType.BF16, 8e-3f, WeightType.BF16)]
    [InlineData(WeightType.Q8, 8e-3f, WeightType.BF16)]
    public void Linear_LoadedWeight_StaysWithinTheTypesTolerance(WeightType type, float tolerance, WeightType kept)
    {
        foreach (string name in BackendsUnderTest.Names)
        {
            using IGradientBackend backend = BackendsUnderTest.Create(name);
            foreach ((int rows, int input, int output) in new[] { (1, 5, 3), (7, 100, 70), (3, 1500, 900) })
            {
                using (new TensorScope())
                {
                    var numbers = new TestNumbers(5);
                    using Weight plain = numbers.Weight(backend, output, input);
                    using Weight bias = numbers.Weight(backend, output);
                    float[] given = Conformance.Numbers(backend, plain.Plain!);
                    using Weight packed = backend.Load("w", plain.Shape, type,
                        (start, piece) => given.AsSpan((int)start, piece.Length).CopyTo(piece));
                    Assert.Equal(kept, packed.Type);
                    Assert.Equal(kept == WeightType.F32, packed.Plain is not null);
                    Tensor x = numbers.Tensor(backend, rows, input);
                    float[] expected = Conformance.Numbers(backend, backend.Linear(x, plain, bias));
                    float[] actual = Conformance.Numbers(backend, backend.Linear(x, packed, bias));
                    double error = expected.Zip(actual, (a, b) => Math.Pow(a - b, 2)).Sum()
                        / expected.Sum(a => (double)a * a);
                    Assert.True(Math.Sqrt(error) <= tolerance, $"{name} {type}: relative error {Math.Sqrt(error)}");

                    float[] widened = Conformance.Numbers(backend, backend.Use(packed));
                    float[] looked = Conformance.Numbers(backend, backend.Embedding(packed, [output - 1, -1]));
                    Assert.Equal(widened[^input..], looked[..input]);
                    Assert.Equal(new float[input], looked[input..]);
                }

                Assert.Equal(0, BackendsUnderTest.Outstanding(backend));
            }
        }
    }

    [Theory]
    [InlineData("torch", "torch:cpu")]
    [InlineData("torch:cpu", "torch:cpu")]
    [InlineData("torch:cuda", "torch:cuda:0")]
    [InlineData("torch:cuda:3", "torch:cuda:3")]
    public void Parse_KnownNames_AreDevices(string name, string device)
    {
        Assert.True(TorchDevice.IsTorch(name));
        Assert.Equal(device, TorchDevice.Parse(name).ToString());
    }

    [Theory]
    [InlineData("torch:gpu")]
    [InlineData("torch:cuda:x")]
    [InlineData("torch:cuda:-1")]
    [InlineData("torch:cuda:0:1")]
    public void Parse_OtherNames_ListWhatThereIs(string name) => Assert.Contains("torch:cuda:N",
        Assert.Throws<PixException>(() => TorchDevice.Parse(name)).Message, StringComparison.Ordinal);

    /// <summary>Device 250 is nowhere; without the library, or without a GPU, the reason is another one.</summary>
    [Fact]
    public void Open_DeviceThatIsNotThere_SaysWhatIsMissing()
    {
        PixException error = Assert.Throws<PixException>(() => new TorchBackend(TorchDevice.Parse("torch:cuda:250")));
        Assert.Equal(PixErrorKind.InvalidArgument, error.Kind);
        Assert.StartsWith("torch:cuda:250 was asked for, but", error.Message, StringComparison.Ordinal);
    }

    private static void Step(TorchBackend backend)
    {
        using var scope = new TensorScope();
        var n = new TestNumbers(3);
        using Weight weight = n.Weight(backend, 8, 8);
        using Weight scale = n.Weight(backend, 8);
        using var store = new KvStore(backend, 1, 4, 4, 1, 8);
        Tensor x = n.Tensor(backend, 1, 6, 8);
        Tensor y = backend.Linear(backend.RmsNorm(x, scale, 1e-5f), weight);
        Tensor heads = backend.Reshape(y, new Shape(1, 6, 1, 8));
        Tensor seen = backend.Attention(heads, heads, heads, AttentionMask.CausalOnly, 0.3f);
        backend.AttentionBackward(heads, heads, heads, AttentionMask.CausalOnly, 0.3f, seen, seen);
        var batch = new PagedBatch
        {
            Sequences = [new PagedSequence(new[] { 2, 1 }, 0, 5, 0), new PagedSequence(new[] { 3 }, 5, 1, 0)],
        };
        Tensor rows = backend.Reshape(seen, new Shape(6, 1, 8));
        backend.AppendKv(store, 0, rows, rows, batch);
        backend.PagedAttention(rows, store, 0, batch, 0.3f);
        backend.ArgMax(backend.Gather(backend.Reshape(y, new Shape(6, 8)), [1, -1, 5]));
        backend.LinearBackwardWeight(x, y, backend.Zeros(weight.Shape), null);
        backend.UnaryBackward(x, x, x, UnaryOp.Gelu);
    }
}
