namespace PixSearch.Tensors.Benchmarks;

/// <summary>A measured kernel.</summary>
/// <param name="Group">Kind: square, linear, op.</param>
/// <param name="Name">Shape or op.</param>
/// <param name="Flops">Operations (a multiply-add is two).</param>
/// <param name="Bytes">Bytes that must move at least: each source once and each result twice, since a line of it is
/// fetched before the first store to it and written back later.</param>
/// <param name="Seconds">Best time of ours.</param>
/// <param name="Peers">Best times of others, by name.</param>
public sealed record KernelResult(string Group, string Name, double Flops, double Bytes, double Seconds,
    IReadOnlyDictionary<string, double> Peers)
{
    /// <summary>Time of the fastest peer over ours; not-a-number without peers.</summary>
    public double Ratio => Peers.Count == 0 ? double.NaN : Peers.Values.Min() / Seconds;

    /// <summary>
    /// The least time that the machine's limits allow, over ours: its arithmetic, or moving its bytes at the read
    /// bandwidth of a working set of this size.
    /// </summary>
    public double OfBound(MachineLimits limits) =>
        Math.Max(Flops / limits.PeakFlops, Bytes / limits.ReadBytes(Bytes)) / Seconds;
}
