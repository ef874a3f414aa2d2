namespace PixSearch.Tensors;

/// <summary>A weight in the panels (<see cref="IPanels{S, V}"/>) that one kernel set reads.</summary>
internal sealed unsafe class PackedWeight(KernelSet kernels, WeightType type, NativeStorage storage) : IDisposable
{
    private NativeStorage? _storage = storage;

    /// <summary>Who packed it: panels differ in width.</summary>
    public KernelSet Kernels { get; } = kernels;

    /// <summary>How numbers are stored.</summary>
    public WeightType Type { get; } = type;

    /// <summary>The panels.</summary>
    public byte* Panels => (byte*)(_storage ?? throw new ObjectDisposedException(nameof(PackedWeight))).Pointer;

    /// <summary>
    /// The same weight as right side of its input's gradient; made when a gradient is asked for first, null until then.
    /// </summary>
    public PackedWeight? Turned { get; set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Interlocked.Exchange(ref _storage, null)?.Release();
        Turned?.Dispose();
        Turned = null;
    }
}
