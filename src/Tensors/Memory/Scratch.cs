namespace PixSearch.Tensors;

/// <summary>A buffer leased for the duration of one kernel: <c>using Scratch scratch = new(pool, count);</c>.</summary>
internal readonly unsafe ref struct Scratch : IDisposable
{
    private readonly NativeStorage _storage;

    /// <summary>Leases at least this many elements; their contents are not set.</summary>
    public Scratch(NativePool pool, long elements) => _storage = pool.Rent(elements);

    /// <summary>First element, 64-byte aligned.</summary>
    public float* Pointer => _storage.Pointer;

    /// <summary>Gives the buffer back.</summary>
    public void Dispose() => _storage.Release();
}
