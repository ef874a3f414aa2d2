namespace PixSearch.Tensors;

/// <summary>
/// Memory behind tensors, counted by reference: views share it, and it goes back to its pool when the last one is
/// disposed.
/// </summary>
public abstract class TensorStorage
{
    private int _references = 1;

    /// <summary>Number of F32 elements.</summary>
    public abstract int Length { get; }

    /// <summary>The elements, where the storage is host memory; otherwise throws
    /// <see cref="InvalidOperationException"/>.</summary>
    public abstract Span<float> HostSpan { get; }

    /// <summary>One more tensor refers to this storage.</summary>
    public void AddReference()
    {
        if (Interlocked.Increment(ref _references) <= 1)
        {
            throw new ObjectDisposedException(nameof(TensorStorage), "The tensor's memory was already given back.");
        }
    }

    /// <summary>One tensor fewer; the last gives the memory back.</summary>
    public void Release()
    {
        int left = Interlocked.Decrement(ref _references);
        if (left < 0)
        {
            throw new InvalidOperationException("Tensor memory was released more often than it was taken.");
        }

        if (left == 0)
        {
            Free();
        }
    }

    /// <summary>For pools that hand the same storage out again: it has one owner from now on.</summary>
    protected void Renew() => _references = 1;

    /// <summary>Gives the memory back. Called once.</summary>
    protected abstract void Free();
}
