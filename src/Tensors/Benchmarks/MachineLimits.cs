namespace PixSearch.Tensors.Benchmarks;

/// <summary>What the machine can do at most, measured with all threads.</summary>
/// <param name="PeakFlops">Multiply-adds from registers and the first-level cache, in operations a second (an FMA is
/// two).</param>
/// <param name="Reads">Read bandwidth by size of what is read again and again, ascending.</param>
public sealed record MachineLimits(double PeakFlops, IReadOnlyList<ReadLimit> Reads)
{
    // Megabytes in all. How much of the last-level cache a machine really gives depends on its neighbours, so the
    // bandwidth is measured at every size instead of being guessed from the caches' sizes.
    private static readonly int[] s_sizes = [1, 2, 4, 8, 16, 32, 64, 256];

    /// <summary>Read bandwidth of two megabytes, in bytes a second: the second- and third-level cache.</summary>
    public double CacheBytes => ReadBytes(2 << 20);

    /// <summary>Read bandwidth of 256 MB, in bytes a second.</summary>
    public double MemoryBytes => Reads[^1].BytesPerSecond;

    /// <summary>
    /// Read bandwidth of a working set: that of the next larger size that was measured; never more than that of a
    /// smaller one (a busy neighbour may have disturbed one of them).
    /// </summary>
    public double ReadBytes(double bytes) =>
        Reads.Where(read => read.Bytes >= bytes).DefaultIfEmpty(Reads[^1]).Max(read => read.BytesPerSecond);

    /// <summary>Measures; takes some seconds.</summary>
    public static MachineLimits Measure(CpuBackend backend, BenchClock clock) =>
        new(backend.BestRate(new LimitWork(0, 500), clock), [.. s_sizes.Select(size => Read(backend, size, clock))]);

    private static ReadLimit Read(CpuBackend backend, int megabytes, BenchClock clock)
    {
        int each = (megabytes << 20) / NativePeers.ThreadCount / 64 * 64;
        var work = new LimitWork(each, Math.Max(1, 32 / megabytes));
        return new ReadLimit((double)megabytes * (1 << 20), backend.BestRate(work, clock));
    }
}

/// <summary>Bandwidth of reading a working set of some bytes (of all threads together) again and again.</summary>
public readonly record struct ReadLimit(double Bytes, double BytesPerSecond);

/// <summary>Work of one measurement: multiply-adds (bytes 0) or reading a buffer.</summary>
/// <param name="BytesEach">Buffer of a thread; 0 for arithmetic.</param>
/// <param name="Repeats">Passes.</param>
internal readonly record struct LimitWork(int BytesEach, int Repeats);

/// <summary>One thread's part of measuring a limit.</summary>
internal unsafe struct LimitJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    private const int Depth = 64;
    private const double MeasureMs = 150;

    /// <summary>Shape: [threads][BytesEach / 4], or room for a tile and its sources.</summary>
    public float* Buffer;

    public LimitWork Work;

    /// <summary>Keeps the compiler from dropping the reads.</summary>
    public float* Sink;

    /// <summary>Best rate of several runs, in operations or bytes a second.</summary>
    public static double Best(CpuContext context, LimitWork work, BenchClock clock)
    {
        int threads = context.Pool.ThreadCount;
        long each = work.BytesEach == 0 ? 4096 : work.BytesEach / sizeof(float);
        using Scratch buffer = new(context.Memory, (each * threads) + threads);
        new Span<float>(buffer.Pointer, (int)((each * threads) + threads)).Clear();
        var job = new LimitJob<S, V> { Buffer = buffer.Pointer, Work = work, Sink = buffer.Pointer + (each * threads) };
        double amount = work.BytesEach == 0 ? 2.0 * S.TileRows * 2 * S.Width * Depth : work.BytesEach;
        double best = double.PositiveInfinity;
        double begin = clock.Now;

        // Many short runs rather than a few long ones: on a busy machine some of them find both cores free.
        do
        {
            double start = clock.Now;
            context.Pool.Run(job, threads);
            best = Math.Min(best, clock.Now - start);
        }
        while (clock.Now - begin < MeasureMs);
        return amount * work.Repeats * threads * 1e3 / best;
    }

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        if (Work.BytesEach == 0)
        {
            float* a = Buffer + (index * 4096);
            int height = MicroKernel.HeightFor(S.TileRows);
            float* b = a + (height * Depth);

            // Neither on the sources, which the next product would wait for, nor a multiple of 4 KB away from them.
            float* c = b + (2 * S.Width * Depth) + 64;
            for (int i = 0; i < Work.Repeats; i++)
            {
                MicroKernel.Run<S, V>(height, a, b, Depth, c, 2 * S.Width, null, 0);
            }

            return;
        }

        int count = Work.BytesEach / sizeof(float);
        float sum = 0;
        for (int i = 0; i < Work.Repeats; i++)
        {
            sum += Reducing.Sum<S, V>(Buffer + ((long)index * count), count);
        }

        Sink[index] = sum;
    }
}
