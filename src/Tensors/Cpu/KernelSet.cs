using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PixSearch.Tensors.Benchmarks;

namespace PixSearch.Tensors;

/// <summary>The kernels of one instruction set behind virtual methods: one virtual call an op.</summary>
internal abstract unsafe partial class KernelSet
{
    /// <summary>Name as in <c>PIXSEARCH_KERNELS</c>.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// The sets of this machine, best first. AVX-512 with dot products of pairs, then without, then AVX2: half the
    /// multiply-adds a cycle and half the registers; then 128-bit vectors (Arm, old x64); scalar code last, for
    /// comparison.
    /// </summary>
    public static IReadOnlyList<KernelSet> Ranked { get; } = Rank();

    /// <summary>The wanted set, or the best.</summary>
    /// <exception cref="ArgumentException">This machine has no such set.</exception>
    public static KernelSet Choose(string? name)
    {
        if (string.IsNullOrEmpty(name))
        {
            return Ranked[0];
        }

        string names = string.Join(", ", Ranked.Select(set => set.Name));
        return Ranked.FirstOrDefault(set => set.Name == name) ?? throw new ArgumentException(
            $"{KernelSettings.KernelsVariable}={name}: this machine has {names} and reference.");
    }

    /// <summary>Best rate of arithmetic or reading, for <see cref="MachineLimits"/>.</summary>
    public abstract double BestRate(CpuContext context, LimitWork work, BenchClock clock);

    private static List<KernelSet> Rank()
    {
        var sets = new List<KernelSet>();
        if (Avx512F.IsSupported && Avx512DQ.IsSupported && Avx512BW.IsSupported)
        {
            if (DotCode.Instance is { } dots)
            {
                sets.Add(new KernelSet<Simd512, Vector512<float>>("avx512-dot", dots));
            }

            sets.Add(new KernelSet<Simd512, Vector512<float>>("avx512"));
        }

        if (Avx2.IsSupported && Fma.IsSupported)
        {
            sets.Add(new KernelSet<Simd256, Vector256<float>>("avx2"));
        }

        if (Vector128.IsHardwareAccelerated)
        {
            sets.Add(new KernelSet<Simd128, Vector128<float>>("vector128"));
        }

        sets.Add(new KernelSet<SimdScalar, float>("scalar"));
        return sets;
    }
}

/// <summary>The kernels compiled for one instruction set; with <see cref="DotCode"/> only if V is 512 bits.</summary>
internal sealed unsafe partial class KernelSet<S, V>(string name, DotCode? dots = null) : KernelSet
    where S : struct, ISimd<V>
    where V : unmanaged
{
    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    public override double BestRate(CpuContext context, LimitWork work, BenchClock clock) =>
        LimitJob<S, V>.Best(context, work, clock);
}
