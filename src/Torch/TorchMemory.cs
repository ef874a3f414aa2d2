namespace PixSearch.Torch;

/// <summary>
/// Counts the tensors of a backend, so that a test can prove that all came back, and limits them. The memory itself is
/// libtorch's, whose allocators keep what is freed for the next tensor.
/// </summary>
internal sealed class TorchMemory(long bytesMax)
{
    private long _bytes;
    private int _count;

    /// <summary>Buffers in use.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Their bytes.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Takes a share before libtorch is asked.</summary>
    /// <exception cref="InsufficientMemoryException">The limit is exceeded.</exception>
    public void Take(long elements, int elementBytes)
    {
        long bytes = elements * elementBytes;
        long total = Interlocked.Add(ref _bytes, bytes);
        if (total > bytesMax)
        {
            Interlocked.Add(ref _bytes, -bytes);
            throw new InsufficientMemoryException($"A tensor of {elements} elements ({bytes} bytes) cannot be "
                + $"allocated: {total - bytes} bytes are in use and the backend's limit is {bytesMax}.");
        }

        Interlocked.Increment(ref _count);
    }

    /// <summary>Gives it back.</summary>
    public void Return(long elements, int elementBytes)
    {
        Interlocked.Add(ref _bytes, -elements * elementBytes);
        Interlocked.Decrement(ref _count);
    }
}
