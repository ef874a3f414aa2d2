using PixSearch.Abstractions;

namespace PixSearch.Cli.Segmenting;

/// <summary>Files that commands write for users.</summary>
internal static class OutputFile
{
    /// <summary>Writes a file, with its folder; what the system refuses is bad input, told with the path.</summary>
    public static void Write(string path, byte[] bytes)
    {
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
            {
                Directory.CreateDirectory(folder);
            }

            File.WriteAllBytes(path, bytes);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new PixException(PixErrorKind.InvalidArgument, $"'{path}' cannot be written: {error.Message}", error);
        }
    }
}
