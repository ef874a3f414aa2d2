using System.Diagnostics;

namespace PixSearch.Tensors.Benchmarks;

/// <summary>
/// Measures the kernels beside other libraries, alternating: ours, peer, peer, again ours, so that a busy neighbour
/// hits all of them. The best time of each counts.
/// </summary>
public sealed class KernelBenchmark : IDisposable
{
    // A peer's threads spin for some milliseconds after their work, and so do ours for some microseconds.
    private static readonly TimeSpan s_settle = TimeSpan.FromMilliseconds(12);

    private readonly CpuBackend _backend = new();
    private readonly NativePeers _peers = new();
    private readonly ManualResetEventSlim _never = new();
    private readonly TimeSpan _each;
    private readonly int _rounds;
    private ulong _seed = 1;

    /// <summary>A benchmark that gives each candidate this long in each round.</summary>
    public KernelBenchmark(TimeSpan each, int rounds) => (_each, _rounds) = (each, rounds);

    /// <summary>Name of our backend.</summary>
    public string BackendName => _backend.Name;

    /// <summary>Libraries found.</summary>
    public IReadOnlyList<string> PeerNames => _peers.Names;

    /// <summary>Limits of the machine.</summary>
    public MachineLimits MeasureLimits() => MachineLimits.Measure(_backend);

    /// <summary>Square products.</summary>
    public KernelResult Square(int size)
    {
        using var scope = new TensorScope();
        Tensor a = Random(size, size);
        Tensor b = Random(size, size);
        Tensor c = _backend.Empty(new Shape(size, size));
        return Measure("square", $"{size}", 2.0 * size * size * size, 12.0 * size * size, () => _backend.MatMul(a, b),
            peer => _peers.Multiply(peer, a, b, false, c));
    }

    /// <summary>
    /// x W^T with the weight packed once (for us; the peers get it plain, as their interfaces take it).
    /// </summary>
    public KernelResult Linear(int rows, int input, int output, WeightType type)
    {
        using var scope = new TensorScope();
        Tensor x = Random(rows, input);
        Tensor plain = Random(output, input);
        Tensor y = _backend.Empty(new Shape(rows, output));
        using var weight = new Weight("weight", _backend.From(plain.Span, plain.Shape));
        _backend.Prepare(weight, type);
        double weightBytes = type switch { WeightType.F32 => 4, WeightType.BF16 => 2, _ => 1.125 } * input * output;
        return Measure(type == WeightType.F32 ? "linear" : $"linear {type}", $"{rows} x {input} -> {output}",
            2.0 * rows * input * output, weightBytes + (4.0 * rows * (input + output)),
            () => _backend.Linear(x, weight),
            peer => _peers.Multiply(peer, x, plain, true, y));
    }

    /// <summary>The other ops of a training or serving step, without peers.</summary>
    public IEnumerable<KernelResult> Ops()
    {
        using var scope = new TensorScope();
        Tensor x = Random(4096, 256);
        Tensor dy = Random(4096, 256);
        using var scale = new Weight("scale", Random(256));
        double bytes = x.Count * 4.0;
        yield return Op("RmsNorm 4096x256", x.Count * 4.0, 2 * bytes, () => _backend.RmsNorm(x, scale, 1e-5f));
        yield return Op("LayerNorm backward", x.Count * 12.0, 3 * bytes,
            () => _backend.LayerNormBackward(x, scale, 1e-5f, dy, null, null));
        yield return Op("Softmax 4096x256", x.Count * 20.0, 2 * bytes, () => _backend.Softmax(x));
        yield return Op("GELU 1M", x.Count * 30.0, 2 * bytes, () => _backend.Unary(x, UnaryOp.Gelu));
        yield return Op("SwiGLU 1M", x.Count * 22.0, 3 * bytes, () => _backend.SwiGlu(x, dy));
        yield return Op("Add 1M", x.Count, 3 * bytes, () => _backend.Add(x, dy));
        Tensor q = _backend.Reshape(x, new Shape(16, 256, 8, 32));
        double full = 4.0 * 16 * 8 * 256 * 256 * 32;
        yield return Op("attention full 16x256x8x32", full, 4 * bytes,
            () => _backend.Attention(q, q, q, AttentionMask.Full, 0.2f));
        yield return Op("attention causal", full / 2, 4 * bytes,
            () => _backend.Attention(q, q, q, AttentionMask.CausalOnly, 0.2f));
        yield return Op("attention causal backward", full * 1.25, 8 * bytes, () =>
        {
            AttentionGradients g = _backend.AttentionBackward(q, q, q, AttentionMask.CausalOnly, 0.2f, q, q);
            g.K.Dispose();
            g.V.Dispose();
            return g.Q;
        });
        Tensor picture = Random(8, 128, 16, 16);
        using var filter = new Weight("filter", Random(128, 128, 3, 3));
        yield return Op("conv 3x3 128->128 8x16x16", 2.0 * 8 * 256 * 128 * 128 * 9, picture.Count * 8.0,
            () => _backend.Conv2d(picture, filter, null, 1, 1));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _never.Dispose();
        _backend.Dispose();
    }

    private KernelResult Op(string name, double flops, double bytes, Func<Tensor> run) =>
        Measure("op", name, flops, bytes, run, null);

    private KernelResult Measure(string group, string name, double flops, double bytes, Func<Tensor> ours,
        Action<string>? theirs)
    {
        double best = double.PositiveInfinity;
        var peers = new Dictionary<string, double>();
        for (int round = 0; round < _rounds; round++)
        {
            best = Math.Min(best, Best(() => ours().Dispose()));
            foreach (string peer in theirs is null ? [] : PeerNames)
            {
                double time = Best(() => theirs!(peer));
                peers[peer] = Math.Min(time, peers.GetValueOrDefault(peer, double.PositiveInfinity));
            }
        }

        return new KernelResult(group, name, flops, bytes, best, peers);
    }

    // Waits until the threads of whoever ran before have gone to sleep, warms up once, then the best of as many runs as
    // fit.
    private double Best(Action run)
    {
        _never.Wait(s_settle);
        run();
        double best = double.PositiveInfinity;
        long begin = Stopwatch.GetTimestamp();
        do
        {
            long start = Stopwatch.GetTimestamp();
            run();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        while (Stopwatch.GetElapsedTime(begin) < _each);
        return best;
    }

    private Tensor Random(params ReadOnlySpan<int> sizes)
    {
        Tensor tensor = _backend.Empty(new Shape(sizes));
        foreach (ref float x in tensor.Span)
        {
            // A multiplicative congruential step (Knuth's MMIX constants) is random enough for timing.
            _seed = (_seed * 6364136223846793005) + 1442695040888963407;
            x = ((_seed >> 40) / 8388608f) - 1f;
        }

        return tensor;
    }
}
