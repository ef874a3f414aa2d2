using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using PixSearch.Abstractions;

namespace PixSearch.Models.Checkpoints;

/// <summary>
/// A file mapped read-only: its bytes cost address space, and memory only as the system's page cache. Pages that were
/// read are given back to it every <see cref="ResidentBytesMax"/>, so that reading a file of 26 GB through once does
/// not count 26 GB to the process. The file must not shrink while it is mapped (the system would end the process);
/// checkpoints are replaced by rename, never rewritten in place.
/// </summary>
internal sealed unsafe class MappedFile : IDisposable
{
    // Small beside a model, large beside the cost of a system call.
    private const long ResidentBytesMax = 16L << 20;
    private const int MadviseDontNeed = 4;

    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _start;
    private long _handedOut;
    private int _disposed;

    /// <summary>
    /// Maps a file. Throws <see cref="PixException"/>: NotFound, or BrokenArtifact when it cannot be read.
    /// </summary>
    public MappedFile(string path)
    {
        Path = path;
        InputFile.Require(path, "checkpoint");
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            Length = stream.Length;
            if (Length == 0)
            {
                return;
            }

            _map = MemoryMappedFile.CreateFromFile(stream, null, Length, MemoryMappedFileAccess.Read,
                HandleInheritability.None, leaveOpen: false);
            _view = _map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
            _start += _view.PointerOffset;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            _map?.Dispose();
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{path}' cannot be read: {error.Message.ReplaceLineEndings(" ")}", error);
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <summary>Bytes [offset, offset + length) of the file.</summary>
    public ReadOnlySpan<byte> Slice(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        if (offset < 0 || length < 0 || offset > Length - length)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{Path}' ends at byte {Length}; bytes {offset}..{offset + length} were asked for.");
        }

        if (Interlocked.Add(ref _handedOut, length) > ResidentBytesMax)
        {
            GiveBack();
        }

        return new ReadOnlySpan<byte>(_start + offset, length);
    }

    /// <summary>Unmaps. Spans taken before are invalid from now on.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _view?.SafeMemoryMappedViewHandle.ReleasePointer();
            _view?.Dispose();
            _map?.Dispose();
        }
    }

    // Spans handed out before stay valid: their pages come back from the page cache when they are touched again.
    private void GiveBack()
    {
        Interlocked.Exchange(ref _handedOut, 0);
        if (OperatingSystem.IsLinux())
        {
            _ = Advise(_start, (nuint)Length, MadviseDontNeed);
        }
    }

    [DllImport("libc", EntryPoint = "madvise")]
    private static extern int Advise(void* address, nuint length, int advice);
}
