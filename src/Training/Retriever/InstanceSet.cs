using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Training.Data;

namespace PixSearch.Training.Retriever;

/// <summary>Something that the index encoder must tell from all else.</summary>
/// <param name="Id">Its document, for example <c>flag:FJ</c>.</param>
/// <param name="Document">The document's picture, squared.</param>
/// <param name="Crops">Cut out of training scenes, squared; may be empty.</param>
public sealed record Instance(string Id, RgbImage Document, IReadOnlyList<RgbImage> Crops);

/// <summary>
/// Instances of data sets: documents with pictures, except those of test entities, with crops from training scenes. A
/// folder without scenes (only <c>kb/</c>) is an extra source: its pictures are told apart by augmented views alone.
/// </summary>
public sealed class InstanceSet
{
    private const ulong RoughSeed = 5;
    private const string WholePicture = "image";

    private InstanceSet(IReadOnlyList<Instance> training, IReadOnlyList<Instance> heldOut) =>
        (Training, HeldOut) = (training, heldOut);

    /// <summary>Learned from.</summary>
    public IReadOnlyList<Instance> Training { get; }

    /// <summary>Training entities kept aside, each with crops: they measure what unseen entities will do.</summary>
    public IReadOnlyList<Instance> HeldOut { get; }

    /// <summary>Reads folders.</summary>
    /// <param name="folders">Data sets.</param>
    /// <param name="side">Side of the stored squares in pixels.</param>
    /// <param name="cropsMax">Crops of an instance.</param>
    /// <param name="heldOutShare">Share of instances with crops that are kept aside.</param>
    /// <param name="seed">Chooses them.</param>
    /// <exception cref="PixException">Files are missing or wrong, or fewer than two instances are left.</exception>
    public static InstanceSet Load(IEnumerable<string> folders, int side, int cropsMax, double heldOutShare, ulong seed)
    {
        var random = new SeededRandom(seed);
        var training = new List<Instance>();
        var heldOut = new List<Instance>();
        foreach (string folder in folders)
        {
            foreach (Instance instance in LoadFolder(folder, side, cropsMax))
            {
                bool aside = instance.Crops.Count > 0 && random.NextBool(heldOutShare);
                (aside ? heldOut : training).Add(instance);
            }
        }

        return training.Count > 1 ? new InstanceSet(training, heldOut)
            : throw new PixException(PixErrorKind.InvalidArgument,
                "The data sets have fewer than two pictures of documents.");
    }

    /// <summary>The picture in the middle of a square of the fill colour, resized.</summary>
    public static RgbImage Square(RgbImage picture, int side) => Resizer.Resize(
        ImageOps.PadToSquare(picture, RegionCrop.FillColour), side, side, Resampling.Bicubic);

    private static IEnumerable<Instance> LoadFolder(string folder, int side, int cropsMax)
    {
        HashSet<string> test = TestEntities(folder);
        var pictures = new List<(string Id, string File)>();
        foreach (string line in File.ReadLines(Path.Combine(folder, "kb", "documents.jsonl")))
        {
            using var document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            string id = root.GetProperty("id").GetString()!;
            string? entity = root.TryGetProperty("entity", out JsonElement e) ? e.GetString() : null;
            if (root.TryGetProperty("picture", out JsonElement picture) && picture.GetString() is { } file
                && !test.Contains(id) && (entity is null || !test.Contains(entity)))
            {
                pictures.Add((id, Path.Combine(folder, "kb", file)));
            }
        }

        var crops = pictures.ToDictionary(pair => pair.Id, _ => new List<RgbImage>(), StringComparer.Ordinal);
        string scenes = Path.Combine(folder, "train.jsonl");
        if (File.Exists(scenes))
        {
            CollectCrops(folder, scenes, side, cropsMax, crops);
        }

        return pictures.Select(pair =>
            new Instance(pair.Id, Square(PictureCodec.DecodeFile(pair.File), side), crops[pair.Id]));
    }

    private static void CollectCrops(string folder, string scenes, int side, int cropsMax,
        Dictionary<string, List<RgbImage>> crops)
    {
        IReadOnlyList<Sample> samples = Sample.ReadAll(scenes);
        var whole = samples.Where(sample => sample.Searches.Any(search => search.Modality == WholePicture))
            .Select(sample => sample.Image).ToHashSet(StringComparer.Ordinal);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (Sample sample in samples.Where(sample => seen.Add(sample.Image)))
        {
            RgbImage? scene = null;
            foreach (SampleEntity entity in sample.Entities)
            {
                if (crops.TryGetValue(entity.Id, out List<RgbImage>? list) && list.Count < cropsMax)
                {
                    scene ??= PictureCodec.DecodeFile(Path.Combine(folder, sample.Image));
                    BinaryMask mask = RleCodec.Decode(entity.Mask.ToRle());

                    // Pictures of one thing are searched for as they are, background and all.
                    if (whole.Contains(sample.Image) && sample.Entities.Count == 1)
                    {
                        list.Add(Square(scene, side));
                    }

                    // Two of three as decoded masks are, the third exactly.
                    mask = list.Count % 3 == 0
                        ? mask
                        : RoughMask.Make(mask, SeededRandom.ForStream(RoughSeed, (ulong)seen.Count));
                    list.Add(Square(RegionCrop.Cut(scene, mask), side));
                }
            }
        }
    }

    private static HashSet<string> TestEntities(string folder)
    {
        string path = Path.Combine(folder, "dataset.json");
        if (!File.Exists(path))
        {
            return [];
        }

        using var description = JsonDocument.Parse(File.ReadAllText(path));
        return description.RootElement.TryGetProperty("testEntities", out JsonElement list)
            ? [.. list.EnumerateArray().Select(entity => entity.GetString()!)]
            : [];
    }
}
