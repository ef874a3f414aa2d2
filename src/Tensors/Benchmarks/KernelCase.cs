namespace PixSearch.Tensors.Benchmarks;

/// <summary>A measured kernel.</summary>
/// <param name="Group">Kind: square, linear, op.</param>
/// <param name="Name">Shape or op.</param>
/// <param name="Flops">Operations (a multiply-add is two).</param>
/// <param name="Bytes">Bytes that must move at least: each source and result once.</param>
/// <param name="Seconds">Best time of ours.</param>
/// <param name="Peers">Best times of others, by name.</param>
public sealed record KernelResult(string Group, string Name, double Flops, double Bytes, double Seconds,
    IReadOnlyDictionary<string, double> Peers)
{
    /// <summary>Time of the fastest peer over ours; not-a-number without peers.</summary>
    public double Ratio => Peers.Count == 0 ? double.NaN : Peers.Values.Min() / Seconds;

    /// <summary>
    /// The least time that the machine's limits allow, over ours. Small working sets are held to the caches' bandwidth.
    /// </summary>
    public double OfBound(MachineLimits limits) =>
        Math.Max(Flops / limits.PeakFlops, Bytes / (Bytes > CacheBytesMax ? limits.MemoryBytes : limits.CacheBytes))
        / Seconds;

    // Working sets up to here are taken to stay in the last-level cache.
    private const double CacheBytesMax = 16 << 20;
}
