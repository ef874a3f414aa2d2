namespace PixSearch.Tensors.Benchmarks;

/// <summary>
/// Measures the kernels beside other libraries, alternating: ours, peer, peer, again ours, so that a busy neighbour
/// hits all of them. The best time of each counts. Before each turn all other threads of the process go to sleep
/// (<see cref="ThreadRest"/>): a peer's threads spin for up to a thirtieth of a second after a product.
/// </summary>
public sealed class KernelBenchmark : IDisposable
{
    private const int WarmUpRuns = 100;
    private const int WarmUpPauseMs = 250;

    private readonly CpuBackend _backend = new();
    private readonly NativePeers _peers = new();
    private readonly BenchClock _clock;
    private readonly double _eachMs;
    private readonly int _rounds;
    private ulong _seed = 1;

    /// <summary>A benchmark that gives each candidate this many milliseconds in each round.</summary>
    public KernelBenchmark(double eachMs, int rounds, BenchClock clock)
    {
        (_eachMs, _rounds, _clock) = (eachMs, rounds, clock);
        WarmUp();
    }

    /// <summary>Measures only what holds this text in its group or name; null for all.</summary>
    public string? Only { get; init; }

    /// <summary>Name of our backend.</summary>
    public string BackendName => _backend.Name;

    /// <summary>Libraries found.</summary>
    public IReadOnlyList<string> PeerNames => _peers.Names;

    /// <summary>Limits of the machine.</summary>
    public MachineLimits MeasureLimits() => MachineLimits.Measure(_backend, _clock);

    /// <summary>Square products.</summary>
    public KernelResult? Square(int size)
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
    public KernelResult? Linear(int rows, int input, int output, WeightType type)
    {
        using var scope = new TensorScope();
        Tensor x = Random(rows, input);
        Tensor plain = Random(output, input);
        Tensor y = _backend.Empty(new Shape(rows, output));
        using var weight = new Weight("weight", _backend.From(plain.Span, plain.Shape));
        _backend.Prepare(weight, type);
        double weightBytes = type switch { WeightType.F32 => 4, WeightType.BF16 => 2, _ => 1.0625 } * input * output;
        return Measure(type == WeightType.F32 ? "linear" : $"linear {type}", $"{rows} x {input} -> {output}",
            2.0 * rows * input * output, weightBytes + (4.0 * rows * (input + output)),
            () => _backend.Linear(x, weight),
            peer => _peers.Multiply(peer, x, plain, true, y));
    }

    /// <summary>The other ops of a training or serving step, without peers.</summary>
    /// <remarks>
    /// Operations are counted by instructions: one that is no multiply-add takes the place of one, so it counts as two
    /// (17 instructions an exponential).
    /// </remarks>
    public IEnumerable<KernelResult?> Ops() => [.. RowOps(), .. ShapeOps(), .. AttentionOps(), .. PictureOps(),
        .. GradientProducts()];

    private IEnumerable<KernelResult?> RowOps()
    {
        using var scope = new TensorScope();
        Tensor x = Random(4096, 256);
        Tensor dy = Random(4096, 256);
        using var scale = new Weight("scale", Random(256));
        double bytes = x.Count * 4.0;
        yield return Op("RmsNorm 4096x256", x.Count * 6.0, bytes, bytes, () => _backend.RmsNorm(x, scale, 1e-5f));
        yield return Op("RmsNorm backward", x.Count * 20.0, 2 * bytes, bytes,
            () => _backend.RmsNormBackward(x, scale, 1e-5f, dy, null));
        yield return Op("LayerNorm", x.Count * 8.0, bytes, bytes, () => _backend.LayerNorm(x, scale, scale, 1e-5f));
        yield return Op("LayerNorm backward", x.Count * 20.0, 2 * bytes, bytes,
            () => _backend.LayerNormBackward(x, scale, 1e-5f, dy, null, null));
        yield return Op("Softmax 4096x256", x.Count * 42.0, bytes, bytes, () => _backend.Softmax(x));
        yield return Op("GELU 1M", x.Count * 68.0, bytes, bytes, () => _backend.Unary(x, UnaryOp.Gelu));
        yield return Op("GELU backward", x.Count * 72.0, 2 * bytes, bytes,
            () => _backend.UnaryBackward(x, x, dy, UnaryOp.Gelu));
        yield return Op("SwiGLU 1M", x.Count * 44.0, 2 * bytes, bytes, () => _backend.SwiGlu(x, dy));
        yield return Op("SwiGLU backward", x.Count * 58.0, 3 * bytes, 2 * bytes, () =>
        {
            (Tensor gate, Tensor up) = _backend.SwiGluBackward(x, dy, dy);
            up.Dispose();
            return gate;
        });
        yield return Op("Add 1M", x.Count, 2 * bytes, bytes, () => _backend.Add(x, dy));
    }

    private IEnumerable<KernelResult?> ShapeOps()
    {
        using var scope = new TensorScope();
        Tensor x = Random(4096, 256);
        Tensor heads = _backend.Reshape(x, new Shape(16, 256, 8, 32));
        Tensor pixels = Random(8, 16, 16, 192);
        Tensor turns = Random(256, 32);
        double bytes = x.Count * 4.0;
        yield return Op("slice columns", 0, bytes / 2, bytes / 2, () => _backend.Slice(x, 1, 64, 128));
        yield return Op("concatenate columns", 0, 2 * bytes, 2 * bytes, () => _backend.Concat(1, x, x));
        yield return Op("permute heads", 0, bytes, bytes, () => _backend.Permute(heads, 0, 2, 1, 3));
        yield return Op("permute pixels to channels", 0, pixels.Count * 4.0, pixels.Count * 4.0,
            () => _backend.Permute(pixels, 0, 3, 1, 2));
        yield return Op("rotate", x.Count * 4.0, bytes, bytes, () => _backend.Rotate(heads, turns, turns));
    }

    private IEnumerable<KernelResult?> AttentionOps()
    {
        using var scope = new TensorScope();
        Tensor q = Random(16, 256, 8, 32);
        double bytes = q.Count * 4.0;

        // A score is two products of a head's 32 elements and one exponential, which is counted as in softmax: without
        // it the bound would be out of reach. Backward computes the scores again, and five products.
        const double Exponential = 40;
        double scores = 16.0 * 8 * 256 * 256;
        double full = scores * ((2 * 2 * 32) + Exponential);
        yield return Op("attention full 16x256x8x32", full, 3 * bytes, bytes,
            () => _backend.Attention(q, q, q, AttentionMask.Full, 0.2f));
        yield return Op("attention causal", full / 2, 3 * bytes, bytes,
            () => _backend.Attention(q, q, q, AttentionMask.CausalOnly, 0.2f));
        double backward = scores / 2 * ((5 * 2 * 32) + Exponential + 6);
        yield return Op("attention causal backward", backward, 5 * bytes, 3 * bytes, () =>
        {
            AttentionGradients g = _backend.AttentionBackward(q, q, q, AttentionMask.CausalOnly, 0.2f, q, q);
            g.K.Dispose();
            g.V.Dispose();
            return g.Q;
        });
        Tensor cells = Random(4096, 1, 8, 16);
        yield return Op("attention 4096x8 of one key", 0, cells.Count * 4.0, cells.Count * 4.0,
            () => _backend.Attention(cells, cells, cells, AttentionMask.Full, 0.2f));
    }

    private IEnumerable<KernelResult?> PictureOps()
    {
        using var scope = new TensorScope();
        Tensor picture = Random(8, 128, 16, 16);
        using var filter = new Weight("filter", Random(128, 128, 3, 3));
        using var scale = new Weight("scale", Random(128));
        double flops = 2.0 * 8 * 256 * 128 * 128 * 9;
        yield return Op("conv 3x3 128->128 8x16x16", flops, picture.Count * 4.0, picture.Count * 4.0,
            () => _backend.Conv2d(picture, filter, null, 1, 1));
        Tensor dFilter = _backend.Zeros(filter.Shape);
        yield return Op("conv 3x3 backward", 2 * flops, picture.Count * 8.0, picture.Count * 4.0,
            () => _backend.Conv2dBackward(picture, filter, 1, 1, 1, picture, dFilter, null));
        Tensor pixels = Random(8, 3, 256, 256);
        using var patch = new Weight("patch", Random(192, 3, 16, 16));
        yield return Op("conv 16x16 stride 16 3->192 8x256x256", 2.0 * 8 * 256 * 192 * 768, pixels.Count * 4.0,
            8 * 256 * 192 * 4.0,
            () => _backend.Conv2d(pixels, patch, null, 16, 0));
        Tensor masks = Random(24, 128, 16, 16);
        using var up = new Weight("up", Random(128, 32, 2, 2));
        yield return Op("transposed conv 2x2 128->32 24x16x16", 2.0 * 24 * 256 * 128 * 128, masks.Count * 4.0,
            masks.Count * 4.0,
            () => _backend.ConvTranspose2d(masks, up, null, 2));
        yield return Op("channel norm 8x128x16x16", picture.Count * 8.0, picture.Count * 4.0, picture.Count * 4.0,
            () => _backend.ChannelNorm(picture, scale, scale, 1e-6f));
        yield return Op("channel norm backward", picture.Count * 20.0, picture.Count * 8.0, picture.Count * 4.0,
            () => _backend.ChannelNormBackward(picture, scale, 1e-6f, picture, null, null));
        Tensor logits = Random(48, 1, 64, 64);
        yield return Op("enlarge 48x64x64 to 256x256", 48 * 65536 * 4.0, logits.Count * 4.0, 48 * 65536 * 4.0,
            () => _backend.Resize(logits, 256, 256, ResizeMode.Bilinear));
    }

    // What Linear's backward form costs beside its forward form.
    private IEnumerable<KernelResult?> GradientProducts()
    {
        using var scope = new TensorScope();
        Tensor x = Random(768, 256);
        Tensor dy = Random(768, 688);
        using var weight = new Weight("weight", Random(688, 256));
        Tensor dWeight = _backend.Zeros(weight.Shape);
        double flops = 2.0 * 768 * 256 * 688;
        double bytes = 4.0 * ((768 * (256 + 688)) + (256 * 688));
        yield return Op("linear 768 x 256 -> 688, gradient of x", flops, bytes, 0,
            () => _backend.LinearBackwardInput(dy, weight));
        yield return Op("linear 768 x 256 -> 688, gradient of the weight", flops, bytes, 0, () =>
        {
            _backend.LinearBackwardWeight(x, dy, dWeight, null);
            return _backend.Reshape(x, x.Shape);
        });
    }

    /// <summary>Turns before which some thread did not go to sleep, so that their times are suspect.</summary>
    public int RestlessTurns { get; private set; }

    /// <inheritdoc/>
    public void Dispose() => _backend.Dispose();

    // The runtime compiles what is called often a second time, a tenth of a second after the last new method: what is
    // measured first would be measured in the quick form.
    private void WarmUp()
    {
        using var scope = new TensorScope();
        Tensor x = Random(64, 64);
        Tensor tall = Random(200, 64);
        using var pause = new ManualResetEventSlim(false, 0);
        foreach (WeightType type in Enum.GetValues<WeightType>())
        {
            using var weight = new Weight("weight", _backend.From(x.Span, x.Shape));
            _backend.Prepare(weight, type);
            for (int i = 0; i < WarmUpRuns; i++)
            {
                _backend.Linear(x, weight).Dispose();
                _backend.Linear(tall, weight).Dispose();
                _backend.MatMul(tall, x).Dispose();
                if (i == WarmUpRuns / 2)
                {
                    pause.Wait(WarmUpPauseMs);
                }
            }
        }

        pause.Wait(WarmUpPauseMs);
    }

    private KernelResult? Op(string name, double flops, double read, double written, Func<Tensor> run) =>
        Measure("op", name, flops, read + (2 * written), run, null);

    private KernelResult? Measure(string group, string name, double flops, double bytes, Func<Tensor> ours,
        Action<string>? theirs)
    {
        if (Only is not null && !$"{group} {name}".Contains(Only, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

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
        run();
        RestlessTurns += ThreadRest.IsReached() ? 0 : 1;
        run();
        double best = double.PositiveInfinity;
        double begin = _clock.Now;
        do
        {
            double start = _clock.Now;
            run();
            best = Math.Min(best, _clock.Now - start);
        }
        while (_clock.Now - begin < _eachMs);
        return best / 1e3;
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
