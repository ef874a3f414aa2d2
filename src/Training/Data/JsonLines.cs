using System.Text;
using System.Text.Json;
using PixSearch.Abstractions;

namespace PixSearch.Training.Data;

/// <summary>One JSON value a line, UTF-8, line feeds.</summary>
public static class JsonLines
{
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Reads all lines; a damaged line is named by its number.</summary>
    public static IReadOnlyList<T> Read<T>(string path)
    {
        if (!File.Exists(path))
        {
            throw new PixException(PixErrorKind.NotFound, $"There is no file {path}; make it with: px data build");
        }

        var result = new List<T>();
        foreach (string line in File.ReadLines(path))
        {
            try
            {
                result.Add(JsonSerializer.Deserialize<T>(line, Sample.JsonOptions)
                    ?? throw new JsonException("the line is null"));
            }
            catch (JsonException error)
            {
                throw new PixException(PixErrorKind.BrokenArtifact,
                    $"Line {result.Count + 1} of {path} cannot be read: {error.Message}", error);
            }
        }

        return result;
    }

    /// <summary>Writes all values, overwriting the file.</summary>
    public static void Write<T>(IEnumerable<T> values, string path)
    {
        using var writer = new StreamWriter(path, append: false, s_utf8) { NewLine = "\n" };
        foreach (T value in values)
        {
            writer.WriteLine(JsonSerializer.Serialize(value, Sample.JsonOptions));
        }
    }
}
