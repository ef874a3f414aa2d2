namespace PixSearch.Tensors;

/// <summary>
/// A dense F32 array, always contiguous and row-major; views differ in shape and offset only. Belongs to the innermost
/// <see cref="TensorScope"/> of its thread, which disposes it unless it is kept. Where that scope recycles, the object
/// itself is used again for a later tensor.
/// </summary>
public sealed class Tensor : IDisposable
{
    private TensorStorage? _storage;

    private Tensor()
    {
    }

    /// <summary>A tensor over <c>storage[offset .. offset + shape.Count)</c>. Takes over one reference to the
    /// storage.</summary>
    public static Tensor Over(TensorStorage storage, int offset, Shape shape)
    {
        if (offset < 0 || offset + (long)shape.Count > storage.Length)
        {
            throw new ArgumentException(
                $"Shape {shape} at offset {offset} exceeds a storage of {storage.Length} elements.");
        }

        Tensor tensor = TensorScope.TakeSpare() ?? new Tensor();
        (tensor._storage, tensor.Offset, tensor.Shape) = (storage, offset, shape);
        TensorScope.Add(tensor);
        return tensor;
    }

    /// <summary>Sizes, outermost first.</summary>
    public Shape Shape { get; private set; }

    /// <summary>First element in <see cref="Storage"/>.</summary>
    public int Offset { get; private set; }

    /// <summary>Number of elements.</summary>
    public int Count => Shape.Count;

    /// <summary>Number of dimensions.</summary>
    public int Rank => Shape.Rank;

    /// <summary>The memory; throws when the tensor is disposed.</summary>
    public TensorStorage Storage =>
        _storage ?? throw new ObjectDisposedException(nameof(Tensor), $"Tensor {Shape} was disposed.");

    /// <summary>The elements, where they are host memory.</summary>
    public Span<float> Span => Storage.HostSpan.Slice(Offset, Count);

    /// <summary>True after <see cref="Dispose"/>.</summary>
    public bool IsDisposed => _storage is null;

    /// <summary>A place for a backend decorator (autodiff) to hang its own record of how this tensor came to
    /// be.</summary>
    public object? Record { get; set; }

    /// <summary>Size of a dimension; negative counts from the innermost.</summary>
    public int Size(int axis) => Shape[axis];

    /// <summary>Another tensor over the same memory; no copy.</summary>
    public Tensor View(int offset, Shape shape)
    {
        TensorStorage storage = Storage;
        storage.AddReference();
        return Over(storage, Offset + offset, shape);
    }

    /// <summary>Gives up this tensor's reference to its memory. May be called more than once.</summary>
    public void Dispose() => Interlocked.Exchange(ref _storage, null)?.Release();

    /// <summary>For example <c>Tensor[2, 3]</c>.</summary>
    public override string ToString() => $"Tensor{Shape}{(IsDisposed ? " (disposed)" : "")}";
}
