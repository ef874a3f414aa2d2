using System.Buffers;
using System.Text.Json;
using PixSearch.Abstractions;

namespace PixSearch.Retrieval;

/// <summary>Reads files with one JSON value a line, with bounded memory and errors that name file and line.</summary>
public static class JsonLines
{
    /// <summary>
    /// Parses line after line. Empty lines are skipped but counted. The document given out is disposed when the next
    /// one is asked for.
    /// </summary>
    /// <param name="path">A UTF-8 file, with or without byte order mark.</param>
    /// <param name="lineBytesMax">Longest line.</param>
    /// <exception cref="PixException">The file is missing, a line is too long or is not a JSON object.</exception>
    public static IEnumerable<(int Line, JsonElement Value)> Read(string path, int lineBytesMax)
    {
        using FileStream stream = Open(path);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        try
        {
            (int start, int end, int line) = (0, 0, 1);
            bool ended = false;
            while (true)
            {
                int newline = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
                if (newline < 0 && !ended)
                {
                    (buffer, start, end) = Fill(stream, buffer, start, end, path, line, lineBytesMax, out ended);
                    continue;
                }

                int length = newline < 0 ? end - start : newline;
                using (JsonDocument? document = Parse(buffer.AsMemory(start, length), path, line, lineBytesMax))
                {
                    if (document is not null)
                    {
                        yield return (line, document.RootElement);
                    }
                }

                if (newline < 0)
                {
                    yield break;
                }

                start += length + 1;
                line++;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>A required string property.</summary>
    public static string RequiredText(JsonElement value, string name, int charactersMax, string path, int line)
    {
        string? text = OptionalText(value, name, charactersMax, path, line);
        return text ?? throw Bad(path, line, $"has no \"{name}\"");
    }

    /// <summary>A string property; null when it is missing or null.</summary>
    public static string? OptionalText(JsonElement value, string name, int charactersMax, string path, int line)
    {
        if (!value.TryGetProperty(name, out JsonElement property) || property.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (property.ValueKind != JsonValueKind.String)
        {
            throw Bad(path, line, $"has a \"{name}\" that is {property.ValueKind}, not a string");
        }

        string text;
        try
        {
            text = property.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw Bad(path, line, $"has a \"{name}\" that is no valid text", error);
        }

        return text.Length <= charactersMax
            ? text
            : throw Bad(path, line, $"has a \"{name}\" of {text.Length} characters; the limit is {charactersMax}");
    }

    /// <summary>The error for a bad line.</summary>
    public static PixException Bad(string path, int line, string what, Exception? inner = null) =>
        new(PixErrorKind.InvalidArgument, $"{path}:{line} {what}.", inner);

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new PixException(PixErrorKind.NotFound, $"{path} does not exist.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PixException(PixErrorKind.InvalidArgument, $"{path} cannot be read: {error.Message}", error);
        }
    }

    private static (byte[] Buffer, int Start, int End) Fill(FileStream stream, byte[] buffer, int start, int end,
        string path,
        int line, int lineBytesMax, out bool ended)
    {
        int held = end - start;
        if (held > lineBytesMax)
        {
            throw Bad(path, line, $"is longer than {lineBytesMax} bytes");
        }

        if (start > 0)
        {
            Buffer.BlockCopy(buffer, start, buffer, 0, held);
        }
        else if (held == buffer.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
            Buffer.BlockCopy(buffer, 0, larger, 0, held);
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = larger;
        }

        int read = stream.Read(buffer, held, buffer.Length - held);
        ended = read == 0;
        return (buffer, 0, held + read);
    }

    private static JsonDocument? Parse(ReadOnlyMemory<byte> bytes, string path, int line, int lineBytesMax)
    {
        if (bytes.Length > lineBytesMax)
        {
            throw Bad(path, line, $"is longer than {lineBytesMax} bytes");
        }

        if (line == 1 && bytes.Span.StartsWith("\uFEFF"u8))
        {
            bytes = bytes[3..];
        }

        if (bytes.Span.IndexOfAnyExcept(" \t\r"u8) < 0)
        {
            return null;
        }

        try
        {
            JsonDocument document = JsonDocument.Parse(bytes);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                document.Dispose();
                throw Bad(path, line, "is not a JSON object");
            }

            return document;
        }
        catch (JsonException error)
        {
            throw Bad(path, line, $"is not valid JSON (byte {error.BytePositionInLine ?? 0})", error);
        }
    }
}
