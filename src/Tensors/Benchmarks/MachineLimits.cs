using System.Diagnostics;

namespace PixSearch.Tensors.Benchmarks;

/// <summary>What the machine can do at most, measured with all threads.</summary>
/// <param name="PeakFlops">Multiply-adds from registers and the first-level cache, in operations a second (an FMA is
/// two).</param>
/// <param name="CacheBytes">Read bandwidth of 2 MB a thread, in bytes a second: the second- and third-level
/// cache.</param>
/// <param name="MemoryBytes">Read bandwidth of 256 MB, in bytes a second.</param>
public sealed record MachineLimits(double PeakFlops, double CacheBytes, double MemoryBytes)
{
    /// <summary>Measures; takes about a second.</summary>
    public static MachineLimits Measure(CpuBackend backend) =>
        new(backend.BestRate(PeakWork), backend.BestRate(ReadWork(2 << 20)), backend.BestRate(ReadWork(128 << 20)));

    private static LimitWork PeakWork => new(0, 500);

    private static LimitWork ReadWork(int bytesEach) => new(bytesEach, Math.Max(1, (32 << 20) / bytesEach));
}

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

    /// <summary>Shape: [threads][BytesEach / 4], or room for a tile and its sources.</summary>
    public float* Buffer;

    public LimitWork Work;

    /// <summary>Keeps the compiler from dropping the reads.</summary>
    public float* Sink;

    /// <summary>Best rate of several runs, in operations or bytes a second.</summary>
    public static double Best(CpuContext context, LimitWork work)
    {
        int threads = context.Pool.ThreadCount;
        long each = work.BytesEach == 0 ? 4096 : work.BytesEach / sizeof(float);
        using Scratch buffer = new(context.Memory, (each * threads) + threads);
        new Span<float>(buffer.Pointer, (int)((each * threads) + threads)).Clear();
        var job = new LimitJob<S, V> { Buffer = buffer.Pointer, Work = work, Sink = buffer.Pointer + (each * threads) };
        double amount = work.BytesEach == 0 ? 2.0 * S.TileRows * 2 * S.Width * Depth : work.BytesEach;
        double best = double.PositiveInfinity;
        long begin = Stopwatch.GetTimestamp();

        // Many short runs rather than a few long ones: on a busy machine some of them find both cores free.
        do
        {
            long start = Stopwatch.GetTimestamp();
            context.Pool.Run(job, threads);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        while (Stopwatch.GetElapsedTime(begin).TotalSeconds < 0.3);
        return amount * work.Repeats * threads / best;
    }

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        if (Work.BytesEach == 0)
        {
            float* a = Buffer + (index * 4096);
            int height = MicroKernel.HeightFor(S.TileRows);
            float* b = a + (height * Depth);
            float* c = b;
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
