using System.Text.Json;
using System.Text.Json.Serialization;
using PixSearch.Abstractions;

namespace PixSearch.Retrieval;

/// <summary>
/// <c>index.json</c> of an index folder: what is in it and which encoder made its vectors. It holds no time and no
/// path, so that the same knowledge base gives the same bytes.
/// </summary>
public sealed record IndexManifest
{
    /// <summary>The version that this code writes, and the only one that it reads.</summary>
    public const int CurrentFormat = 1;

    /// <summary>Name of the manifest in the folder.</summary>
    public const string FileName = "index.json";

    /// <summary>Name of the database in the folder.</summary>
    public const string DatabaseName = "index.sqlite";

    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.Never,
    };

    /// <summary>Version of the folder's layout.</summary>
    public required int Format { get; init; }

    /// <summary>Number of documents.</summary>
    public required int Documents { get; init; }

    /// <summary>Number of pictures that have a vector.</summary>
    public required int Vectors { get; init; }

    /// <summary>Length of a vector; 0 for an index without pictures.</summary>
    public required int Dimension { get; init; }

    /// <summary>Name of the encoder; empty for an index without pictures.</summary>
    public required string EncoderName { get; init; }

    /// <summary>Fingerprint of the encoder; empty for an index without pictures.</summary>
    public required string EncoderFingerprint { get; init; }

    /// <summary>Size of the database in bytes.</summary>
    public required long DatabaseBytes { get; init; }

    /// <summary>SHA-256 of the database, lower-case hexadecimal.</summary>
    public required string DatabaseSha256 { get; init; }

    /// <summary>Writes <c>index.json</c>.</summary>
    public void Write(string directory) =>
        File.WriteAllText(Path.Combine(directory, FileName), JsonSerializer.Serialize(this, s_json) + "\n");

    /// <summary>Reads <c>index.json</c>.</summary>
    /// <exception cref="PixException">NotFound: no index there. BrokenArtifact: damaged, or of another
    /// format.</exception>
    public static IndexManifest Read(string directory)
    {
        string path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            throw new PixException(PixErrorKind.NotFound,
                $"{directory} is not an index: {FileName} is missing; build one with 'px index build KB --out "
                + $"{directory}'.");
        }

        if (new FileInfo(path).Length > 64 * 1024)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"{path} is larger than 65536 bytes: not an index manifest.");
        }

        IndexManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize<IndexManifest>(File.ReadAllBytes(path), s_json)
                ?? throw new JsonException();
        }
        catch (JsonException error)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"{path} is damaged: not a valid index manifest.",
                error);
        }

        if (manifest.Format != CurrentFormat)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"{path} has format {manifest.Format}; this version reads {CurrentFormat}: build the index again.");
        }

        return manifest.Documents >= 0 && manifest.Vectors >= 0 && manifest.Vectors <= manifest.Documents &&
            manifest.Dimension is >= 0 and <= 65536 && (manifest.Vectors == 0 || manifest.Dimension > 0)
            ? manifest
            : throw new PixException(PixErrorKind.BrokenArtifact, $"{path} is damaged: its counts make no sense.");
    }
}
