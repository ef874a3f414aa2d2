using System.Runtime.InteropServices;
using PixSearch.Abstractions;

namespace PixSearch.Models;

/// <summary>
/// Files that users name or that lie in folders they were given: whatever is wrong with one is a
/// <see cref="PixException"/>. A pipe or a device is refused, since opening one may wait for ever.
/// </summary>
internal static class InputFile
{
    private const int CurrentFolder = -100; // AT_FDCWD
    private const uint AskForType = 1; // STATX_TYPE
    private const int TypeMask = 0xF000;
    private const int RegularType = 0x8000;

    // struct statx is laid out alike on all processors, which struct stat is not.
    private const int StatxLength = 256;
    private const int StatxModeOffset = 28;

    /// <summary>Refuses what is no plain file.</summary>
    /// <exception cref="PixException">NotFound; BrokenArtifact for a pipe, a socket or a device.</exception>
    public static void Require(string path, string what)
    {
        if (!File.Exists(path))
        {
            throw new PixException(PixErrorKind.NotFound, $"There is no {what} '{path}'.");
        }

        if (!IsRegular(path))
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"'{path}' is no plain file: it cannot be a {what}.");
        }
    }

    /// <summary>Runs work on a file; what the system says against it becomes a line with the file's name.</summary>
    /// <exception cref="PixException">NotFound; BrokenArtifact.</exception>
    public static T Open<T>(string path, string what, Func<string, T> open)
    {
        Require(path, what);
        try
        {
            return open(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{path}' cannot be read: {error.Message.ReplaceLineEndings(" ")}", error);
        }
    }

    /// <summary>All bytes of a file that has at most <paramref name="lengthMax"/>.</summary>
    /// <exception cref="PixException">NotFound; BrokenArtifact when it is longer or cannot be read.</exception>
    public static byte[] ReadAll(string path, string what, long lengthMax) => Open(path, what, file =>
    {
        long length = new FileInfo(file).Length;
        return length <= lengthMax
            ? File.ReadAllBytes(file)
            : throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{file}' has {length} bytes; a {what} has at most {lengthMax}.");
    });

    private static bool IsRegular(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return true;
        }

        byte[] status = new byte[StatxLength];
        try
        {
            return Statx(CurrentFolder, path, 0, AskForType, status) != 0
                || (BitConverter.ToUInt16(status, StatxModeOffset) & TypeMask) == RegularType;
        }
        catch (EntryPointNotFoundException)
        {
            return true; // a C library from before 2018: opening will show
        }
    }

    [DllImport("libc", EntryPoint = "statx", BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int Statx(int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask,
        byte[] status);
}
