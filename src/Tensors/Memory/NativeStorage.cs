using System.Runtime.InteropServices;

namespace PixSearch.Tensors;

/// <summary>
/// A buffer of a <see cref="NativePool"/>: host memory outside the garbage-collected heap, 64-byte aligned. It has no
/// finalizer on purpose: kernels hold bare pointers, and a collection in the middle of one must not free what they
/// point at.
/// </summary>
internal sealed unsafe class NativeStorage : TensorStorage
{
    private const int LineBytes = 64;

    private readonly NativePool _pool;
    private readonly HugeChunk? _chunk;
    private float* _pointer;
    private int _length;

    /// <summary>A buffer cut from a chunk, or allocated by itself (chunk null). With 4 KB pages the TLB misses of a
    /// matrix product cost some 10 %, so large ones are in huge pages.</summary>
    public NativeStorage(NativePool pool, int sizeClass, long bytes, int length, HugeChunk? chunk, byte* cut)
    {
        (_pool, SizeClass, Bytes, _length, _chunk) = (pool, sizeClass, bytes, length, chunk);
        _pointer = (float*)(chunk is not null ? cut
            : bytes >= HugeChunk.PageBytes ? HugeChunk.Allocate(bytes)
            : NativeMemory.AlignedAlloc((nuint)bytes, LineBytes));
    }

    /// <inheritdoc/>
    public override int Length => _length;

    /// <inheritdoc/>
    public override Span<float> HostSpan => new(Pointer, _length);

    /// <summary>First element.</summary>
    public float* Pointer => _pointer;

    /// <summary>Index of the size class in the pool.</summary>
    public int SizeClass { get; }

    /// <summary>Size of the buffer.</summary>
    public long Bytes { get; }

    /// <summary>Handed out again for another tensor.</summary>
    public void Reuse(int length)
    {
        _length = length;
        Renew();
    }

    /// <summary>Gives the memory back to the operating system.</summary>
    public void FreeMemory()
    {
        float* pointer = _pointer;
        _pointer = null;
        _length = 0;
        if (pointer is null)
        {
            return;
        }

        if (_chunk is null)
        {
            NativeMemory.AlignedFree(pointer);
        }
        else
        {
            _chunk.Free();
        }
    }

    /// <inheritdoc/>
    protected override void Free() => _pool.Return(this);
}
