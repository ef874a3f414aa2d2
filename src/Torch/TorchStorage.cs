using PixSearch.Tensors;

namespace PixSearch.Torch;

/// <summary>Elements on a device: a flat F32 tensor of libtorch, freed when the last view is disposed.</summary>
internal sealed class TorchStorage(TorchMemory memory, TorchDevice device, TorchTensor flat, int length) : TensorStorage
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
        memory.Return(Length, sizeof(float));
    }
}
