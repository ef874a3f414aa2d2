namespace PixSearch.Tensors;

/// <summary>A weight in the panels that one kernel set reads. Shape: [panels][in][2 * Width].</summary>
internal sealed unsafe class PackedWeight(KernelSet kernels, NativeStorage storage) : IDisposable
{
    private NativeStorage? _storage = storage;

    /// <summary>Who packed it: panels differ in width.</summary>
    public KernelSet Kernels { get; } = kernels;

    /// <summary>The panels.</summary>
    public float* Panels => (_storage ?? throw new ObjectDisposedException(nameof(PackedWeight))).Pointer;

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref _storage, null)?.Release();
}
