namespace PixSearch.Torch;

/// <summary>A matrix of weights in BF16 on a device. Shape: [out, in].</summary>
internal sealed class TorchWeight(TorchMemory memory, TorchDevice device, TorchTensor numbers) : IDisposable
{
    private readonly long _count = numbers.numel();
    private TorchTensor? _numbers = numbers;

    /// <summary>Where it is.</summary>
    public TorchDevice Device { get; } = device;

    /// <summary>The numbers.</summary>
    public TorchTensor Numbers => _numbers ?? throw new ObjectDisposedException(nameof(TorchWeight));

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _numbers, null) is { } native)
        {
            native.Dispose();
            memory.Return(_count, sizeof(ushort));
        }
    }
}
