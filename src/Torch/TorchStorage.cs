using PixSearch.Tensors;

namespace PixSearch.Torch;

/// <summary>
/// Elements on a device: a flat tensor of libtorch, freed when the last view is disposed. F32 but for pages of keys and
/// values, which may be BF16.
/// </summary>
internal sealed class TorchStorage(TorchMemory memory, TorchDevice device, TorchTensor flat, int length,
    int elementBytes) : TensorStorage
{
    /// <summary>Shape: [length].</summary>
    public TorchTensor Flat { get; } = flat;

    /// <summary>Where it is.</summary>
    public TorchDevice Device { get; } = device;

    /// <inheritdoc/>
    public override int Length { get; } = length;

    /// <summary>
    /// Never host memory, on torch:cpu neither: what works there must work on a GPU.
    /// </summary>
    public override Span<float> HostSpan =>
        throw new InvalidOperationException($"The elements are on {Device}; IBackend.Read copies them.");

    /// <inheritdoc/>
    protected override void Free()
    {
        Flat.Dispose();
        memory.Return(Length, elementBytes);
    }
}
