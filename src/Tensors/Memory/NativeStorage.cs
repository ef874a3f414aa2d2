using System.Runtime.InteropServices;

namespace PixSearch.Tensors;

/// <summary>
/// A buffer of a <see cref="NativePool"/>: host memory outside the garbage-collected heap, 64-byte aligned. It has no
/// finalizer on purpose: kernels hold bare pointers, and a collection in the middle of one must not free what they
/// point at.
/// </summary>
internal sealed unsafe class NativeStorage : TensorStorage
{
    // Large buffers are aligned to huge pages: with 4 KB pages the TLB misses of a matrix product cost some 10 %.
    private const long HugePageBytes = 2 << 20;
    private const int MadviseHugePage = 14;

    private readonly NativePool _pool;
    private float* _pointer;
    private int _length;

    /// <summary>Allocates a buffer.</summary>
    public NativeStorage(NativePool pool, int sizeClass, long bytes, int length)
    {
        (_pool, SizeClass, Bytes, _length) = (pool, sizeClass, bytes, length);
        bool huge = bytes >= HugePageBytes;
        _pointer = (float*)NativeMemory.AlignedAlloc((nuint)bytes, huge ? (nuint)HugePageBytes : 64);
        if (huge && OperatingSystem.IsLinux())
        {
            _ = Advise(_pointer, (nuint)bytes, MadviseHugePage);
        }
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
        if (pointer is not null)
        {
            NativeMemory.AlignedFree(pointer);
        }
    }

    /// <inheritdoc/>
    protected override void Free() => _pool.Return(this);

    [DllImport("libc", EntryPoint = "madvise")]
    private static extern int Advise(void* address, nuint length, int advice);
}
