using System.Runtime.InteropServices;

namespace PixSearch.Tensors;

/// <summary>
/// Memory in huge pages (2 MB) that is cut into buffers, for those too small to fill such pages themselves: most
/// weights of a model of 30 M parameters are, and with 4 KB pages the hardware stops reading ahead at the end of each.
/// Its memory goes back to the operating system with its last buffer.
/// </summary>
internal sealed unsafe class HugeChunk
{
    /// <summary>Size of a huge page.</summary>
    public const long PageBytes = 2 << 20;

    // Untouched pages of a chunk cost nothing; a large one leaves little unused at its end.
    private const long Bytes = 32 << 20;

    private const int MadviseHugePage = 14;

    private readonly Lock _lock = new();
    private byte* _memory;
    private long _used;
    private int _buffers;
    private bool _full;

    /// <summary>An empty chunk.</summary>
    /// <exception cref="OutOfMemoryException">The machine has no more memory.</exception>
    public HugeChunk() => _memory = Allocate(Bytes);

    /// <summary>Whether a buffer is worth a share of a chunk: smaller ones would not feel it, larger ones have huge
    /// pages of their own.</summary>
    public static bool Serves(long bytes) => bytes is >= 64 << 10 and <= Bytes / 4;

    /// <summary>Memory aligned to huge pages.</summary>
    /// <exception cref="OutOfMemoryException">The machine has no more memory.</exception>
    public static byte* Allocate(long bytes)
    {
        var memory = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, (nuint)PageBytes);
        if (OperatingSystem.IsLinux())
        {
            _ = Advise(memory, (nuint)bytes, MadviseHugePage);
        }

        return memory;
    }

    /// <summary>Cuts a buffer off; null when there is no room, and then the chunk has given its last one.</summary>
    public byte* Cut(long bytes)
    {
        lock (_lock)
        {
            if (_full || _used + bytes > Bytes)
            {
                _full = true;
                FreeIfUnused();
                return null;
            }

            byte* buffer = _memory + _used;
            _used += bytes;
            _buffers++;
            return buffer;
        }
    }

    /// <summary>Takes one buffer back. Its room is not cut again: the pool keeps buffers for that.</summary>
    public void Free()
    {
        lock (_lock)
        {
            _buffers--;
            FreeIfUnused();
        }
    }

    /// <summary>Nobody will cut from it any more.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _full = true;
            FreeIfUnused();
        }
    }

    private void FreeIfUnused()
    {
        if (_full && _buffers == 0 && _memory is not null)
        {
            NativeMemory.AlignedFree(_memory);
            _memory = null;
        }
    }

    [DllImport("libc", EntryPoint = "madvise")]
    private static extern int Advise(void* address, nuint length, int advice);
}
