using System.Text;
using System.Text.Json;
using PixSearch.Imaging;

namespace PixSearch.Retrieval.Tests;

/// <summary>
/// An encoder that can be understood: mean colour and gradients of a 4x4 grid, normalised. Deterministic, and good
/// enough to tell coloured test pictures apart.
/// </summary>
internal sealed class GridEncoder(string fingerprint = "grid-1") : IRegionEncoder
{
    private const int Side = 4;

    public string Name => "grid";

    public string Fingerprint => fingerprint;

    public int Dimension => (Side * Side * 3) + 1;

    /// <summary>Number of calls; encoding happens on other threads.</summary>
    public int Calls => _calls;

    /// <summary>Runs before each call, to hold it or make it fail.</summary>
    public Action? Before { get; set; }

    private int _calls;

    public float[] Encode(IReadOnlyList<RgbImage> pictures)
    {
        Interlocked.Increment(ref _calls);
        Before?.Invoke();
        var result = new float[pictures.Count * Dimension];
        for (int i = 0; i < pictures.Count; i++)
        {
            Encode(pictures[i], result.AsSpan(i * Dimension, Dimension));
        }

        return result;
    }

    public void Dispose()
    {
    }

    private static void Encode(RgbImage picture, Span<float> vector)
    {
        for (int y = 0; y < picture.Height; y++)
        {
            ReadOnlySpan<byte> row = picture.Row(y);
            for (int x = 0; x < picture.Width; x++)
            {
                int cell = ((y * Side / picture.Height) * Side) + (x * Side / picture.Width);
                for (int c = 0; c < 3; c++)
                {
                    vector[(cell * 3) + c] += row[(x * 3) + c];
                }
            }
        }

        vector[^1] = 1;
        float norm = System.Numerics.Tensors.TensorPrimitives.Norm<float>(vector);
        System.Numerics.Tensors.TensorPrimitives.Divide(vector, norm, vector);
    }
}

/// <summary>A temporary folder that goes away with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Path = Directory.CreateTempSubdirectory("pixsearch-test-").FullName;

    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>
/// Knowledge bases for tests. Pictures are "PX" files: width, height, RGB bytes; no codec is needed to test an index.
/// </summary>
internal static class Knowledge
{
    public static readonly (string Id, string Title, string Text, byte[] Colour)[] Flags =
    [
        ("flag:FJ", "Fiji", "capital Suva; region Oceania; currency Fijian dollar; borders none", [90, 160, 220]),
        ("flag:DE", "Germany", "capital Berlin; region Europe; currency euro; borders France, Poland", [200, 30, 10]),
        ("flag:FR", "France", "capital Paris; region Europe; currency euro; borders Germany, Spain", [10, 40, 200]),
        ("flag:SE", "Sweden", "capital Stockholm; region Europe; currency Swedish krona; borders Norway",
        [20, 200, 90]),
    ];

    /// <summary>Writes the four flags (and more documents without picture) and returns the folder's path.</summary>
    public static string Write(string folder, int extraDocuments = 0)
    {
        Directory.CreateDirectory(Path.Combine(folder, "pictures"));
        var lines = new StringBuilder();
        foreach ((string id, string title, string text, byte[] colour) in Flags)
        {
            string picture = $"pictures/{title}.px";
            File.WriteAllBytes(Path.Combine(folder, picture), EncodePicture(Solid(12, 8, colour)));
            lines.AppendLine(JsonSerializer.Serialize(new { id, title, text, picture, entity = id }));
        }

        for (int i = 0; i < extraDocuments; i++)
        {
            lines.AppendLine(JsonSerializer.Serialize(new
            {
                id = $"note:{i}",
                title = $"Note {i}",
                text = $"remark number {i} about thing{i % 17} and topic{i % 31}",
                picture = (string?)null,
                entity = (string?)null,
            }));
        }

        File.WriteAllText(Path.Combine(folder, KnowledgeBase.DocumentsFile), lines.ToString());
        return folder;
    }

    public static RgbImage Solid(int width, int height, byte[] colour)
    {
        var pixels = new byte[width * height * 3];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = colour[i % 3];
        }

        return new RgbImage(width, height, pixels);
    }

    public static byte[] EncodePicture(RgbImage image) =>
        [(byte)'P', (byte)'X', (byte)image.Width, (byte)image.Height, .. image.Memory.Span];

    public static RgbImage Decode(ReadOnlySpan<byte> file)
    {
        if (file.Length < 4 || file[0] != 'P' || file[1] != 'X' || file.Length != 4 + (file[2] * file[3] * 3))
        {
            throw new Abstractions.PixException(Abstractions.PixErrorKind.InvalidPicture, "not a PX picture");
        }

        return new RgbImage(file[2], file[3], file[4..].ToArray());
    }

    public static IndexManifest Build(string folder, string index, IRegionEncoder? encoder) =>
        new IndexBuilder(encoder, Decode).Build(new KnowledgeBase(folder), index);
}
