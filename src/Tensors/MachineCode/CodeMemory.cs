using System.IO.MemoryMappedFiles;

namespace PixSearch.Tensors;

/// <summary>
/// Memory that holds machine code for as long as the process lives. Written through one mapping and run through
/// another, so that no page is both writable and executable.
/// </summary>
internal static unsafe class CodeMemory
{
    // Never closed: a kernel may be running.
    private static readonly List<IDisposable> s_mappings = [];

    /// <summary>
    /// Where the code lies now, aligned to pages; null where the operating system refuses such memory.
    /// </summary>
    public static byte* Place(byte[] code)
    {
        const MemoryMappedFileAccess all = MemoryMappedFileAccess.ReadWriteExecute;
        try
        {
            var file = MemoryMappedFile.CreateNew(null, code.Length, all);
            using (MemoryMappedViewAccessor writer = file.CreateViewAccessor())
            {
                writer.WriteArray(0, code, 0, code.Length);
            }

            MemoryMappedViewAccessor view =
                file.CreateViewAccessor(0, code.Length, MemoryMappedFileAccess.ReadExecute);
            s_mappings.AddRange([file, view]);
            byte* start = null;
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
            return start;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            // Hardened systems allow no executable memory but the runtime's; the other kernels do the work there.
            return null;
        }
    }
}
