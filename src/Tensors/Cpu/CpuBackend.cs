using PixSearch.Tensors.Benchmarks;

namespace PixSearch.Tensors;

/// <summary>
/// The CPU engine: kernels for the best instruction set of the machine, on all cores. Replaces the loops of
/// <see cref="ReferenceBackend"/> op by op.
/// </summary>
/// <remarks>
/// Results are the same for any number of threads, and differ between instruction sets only by rounding.
/// </remarks>
public sealed unsafe partial class CpuBackend : ReferenceBackend
{
    private readonly KernelSet _kernels;
    private readonly CpuContext _context;

    /// <summary>The best kernels, or those named by <c>PIXSEARCH_KERNELS</c>.</summary>
    public CpuBackend()
        : this(KernelSettings.Kernels == "reference" ? "scalar" : KernelSettings.Kernels)
    {
    }

    /// <summary>
    /// Kernels by name (<c>avx512-dot</c>, <c>avx512</c>, <c>avx2</c>, <c>vector128</c>, <c>scalar</c>; null for the
    /// best).
    /// </summary>
    public CpuBackend(string? kernels, NativePool? memory = null)
        : this(KernelSet.Choose(kernels), memory ?? new NativePool(), WorkerPool.Shared)
    {
    }

    /// <summary>For tests: threads of its own.</summary>
    internal CpuBackend(string? kernels, WorkerPool pool)
        : this(KernelSet.Choose(kernels), new NativePool(), pool)
    {
    }

    private CpuBackend(KernelSet kernels, NativePool memory, WorkerPool pool)
        : base($"cpu/{kernels.Name}", memory)
    {
        _kernels = kernels;
        _context = new CpuContext(pool, memory);
    }

    /// <summary>Names that the constructor takes on this machine, best first.</summary>
    public static IReadOnlyList<string> KernelNames { get; } = [.. KernelSet.Ranked.Select(set => set.Name)];

    /// <summary>
    /// The backend that the environment asks for: <c>PIXSEARCH_KERNELS=reference</c> gives the scalar twin.
    /// </summary>
    public static IGradientBackend Create() =>
        KernelSettings.Kernels == "reference" ? new ReferenceBackend() : new CpuBackend();

    /// <summary>For <see cref="MachineLimits"/>.</summary>
    internal double BestRate(LimitWork work, BenchClock clock) => _kernels.BestRate(_context, work, clock);
}
