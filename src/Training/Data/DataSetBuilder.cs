using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Drawing;
using PixSearch.Imaging.Masks;
using PixSearch.Training.Data.Questions;
using PixSearch.Training.Data.Scenes;

namespace PixSearch.Training.Data;

/// <summary>How large a data set is to be.</summary>
/// <param name="Seed">Equal seeds give equal bytes.</param>
/// <param name="TrainScenes">Scenes of the training split.</param>
/// <param name="ValScenes">Scenes of the validation split (entities of training, other scenes).</param>
/// <param name="TestScenes">Scenes of the test split (held-out entities).</param>
public sealed record DataSetSize(ulong Seed, int TrainScenes, int ValScenes, int TestScenes);

/// <summary>What was built.</summary>
/// <param name="Samples">Samples by split.</param>
/// <param name="Documents">Documents of the knowledge base.</param>
public sealed record DataSetCounts(IReadOnlyDictionary<string, int> Samples, int Documents);

/// <summary>
/// Builds a data set on disk: scenes, samples of three splits, knowledge base, contact sheet, <c>dataset.json</c>.
/// Scenes are drawn on all processors; the files do not depend on how many there are.
/// </summary>
public static class DataSetBuilder
{
    private const int JpegQuality = 90;
    private const int SheetScenes = 24;

    /// <summary>Builds the set.</summary>
    /// <param name="sources">What it is composed of.</param>
    /// <param name="size">Seed and counts.</param>
    /// <param name="progress">Called after each scene with a number from 0 to 1; may be null.</param>
    /// <param name="cancellation">Stops between scenes.</param>
    /// <param name="folder">Output; existing files of an older build are replaced.</param>
    public static DataSetCounts Build(SourceSet sources, DataSetSize size, Action<double>? progress,
        CancellationToken cancellation, string folder)
    {
        var split = new EntitySplit(sources);
        var composer = new SceneComposer(sources);
        int total = size.TrainScenes + size.ValScenes + size.TestScenes;
        int done = 0;
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        var sheet = new List<(RgbImage Picture, string Caption)>();
        (string Name, int Scenes, IReadOnlyList<EntitySource> Pool)[] splits =
        [
            ("train", size.TrainScenes, split.Train),
            ("val", size.ValScenes, split.Train),
            ("test", size.TestScenes, split.Test),
        ];
        for (int part = 0; part < splits.Length; part++)
        {
            (string name, int scenes, IReadOnlyList<EntitySource> pool) = splits[part];
            var writer = new QuestionWriter(sources, split, pool, name);
            string images = Fresh(Path.Combine(folder, "images", name));
            var samples = new IReadOnlyList<Sample>[scenes];
            var shown = new RgbImage?[Math.Min(SheetScenes / 3, scenes)];
            ulong stream = (ulong)part << 32;
            Parallel.For(0, scenes, new ParallelOptions { CancellationToken = cancellation }, number =>
            {
                SeededRandom random = SeededRandom.ForStream(size.Seed, stream + (ulong)number);
                Scene scene = composer.Compose(pool, random);
                string file = $"{number:D6}.jpg";
                byte[] jpeg = PictureCodec.EncodeJpeg(scene.Image, JpegQuality);
                File.WriteAllBytes(Path.Combine(images, file), jpeg);
                samples[number] = writer.Write(scene, $"{name}-{number:D6}", $"images/{name}/{file}", random);
                if (number < shown.Length)
                {
                    shown[number] = DrawMasks(scene);
                }

                progress?.Invoke((double)Interlocked.Increment(ref done) / total);
            });
            JsonLines.Write(samples.SelectMany(list => list), Path.Combine(folder, $"{name}.jsonl"));
            counts[name] = samples.Sum(list => list.Count);
            sheet.AddRange(shown.Select((picture, i) => (picture!, Caption(samples[i]))));
        }

        return Finish(sources, size, split, counts, sheet, folder);
    }

    /// <summary>Builds a set of whole pictures that has a test split only: every entity is held out.</summary>
    internal static DataSetCounts BuildWhole(SourceSet sources, ulong seed, int scenesEach,
        Func<EntitySource, SeededRandom, Scene> take, string folder)
    {
        var split = new EntitySplit(sources, testOnly: true);
        var writer = new QuestionWriter(sources, split, split.Test, "test");
        string images = Fresh(Path.Combine(folder, "images", "test"));
        var samples = new List<Sample>();
        var sheet = new List<(RgbImage Picture, string Caption)>();
        for (int number = 0; number < split.Test.Count * scenesEach; number++)
        {
            SeededRandom random = SeededRandom.ForStream(seed, (ulong)number);
            Scene scene = take(split.Test[number % split.Test.Count], random);
            string file = $"{number:D6}.jpg";
            File.WriteAllBytes(Path.Combine(images, file), PictureCodec.EncodeJpeg(scene.Image, JpegQuality));
            IReadOnlyList<Sample> written = writer.Write(scene, $"test-{number:D6}", $"images/test/{file}", random);
            samples.AddRange(written);
            if (number < SheetScenes)
            {
                sheet.Add((scene.Image, Caption(written)));
            }
        }

        JsonLines.Write<Sample>([], Path.Combine(folder, "train.jsonl"));
        JsonLines.Write<Sample>([], Path.Combine(folder, "val.jsonl"));
        JsonLines.Write(samples, Path.Combine(folder, "test.jsonl"));
        var counts = new Dictionary<string, int>(StringComparer.Ordinal) { ["test"] = samples.Count };
        var size = new DataSetSize(seed, 0, 0, split.Test.Count * scenesEach);
        return Finish(sources, size, split, counts, sheet, folder);
    }

    private static DataSetCounts Finish(SourceSet sources, DataSetSize size, EntitySplit split,
        Dictionary<string, int> counts, List<(RgbImage Picture, string Caption)> sheet, string folder)
    {
        if (sheet.Count > 0)
        {
            File.WriteAllBytes(Path.Combine(folder, "contact-sheet.png"),
                PictureCodec.EncodePng(ContactSheet.Draw(sheet, columns: 6, cell: 288, captionLines: 12)));
        }

        int documents = KnowledgeBaseWriter.Write(sources, Path.Combine(folder, "kb"));
        var result = new DataSetCounts(counts, documents);
        WriteDescription(sources, size, split, result, folder);
        return result;
    }

    private static RgbImage DrawMasks(Scene scene) => MaskOverlay.Draw(scene.Image,
        scene.Things.Select((thing, i) => new OverlayMask(thing.Mask, Rgb.Distinct(i), thing.Name)).ToList());

    private static string Caption(IReadOnlyList<Sample> samples) => samples.Count == 0
        ? "no sample"
        : string.Join('\n', samples.Take(4).Select(sample => $"[{sample.Kind}] {sample.Question} -> {sample.Answer}"));

    private static string Fresh(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder);
        return folder;
    }

    private static void WriteDescription(SourceSet sources, DataSetSize size, EntitySplit split, DataSetCounts counts,
        string folder)
    {
        var description = new
        {
            name = sources.Name,
            seed = size.Seed,
            scenes = new { train = size.TrainScenes, val = size.ValScenes, test = size.TestScenes },
            samples = counts.Samples,
            documents = counts.Documents,
            entities = new { train = split.Train.Count, test = split.Test.Count },
            testEntities = split.Test.Select(entity => entity.Id),
            sources = sources.Licences,
        };
        var options = new JsonSerializerOptions(Sample.JsonOptions) { WriteIndented = true };
        File.WriteAllText(Path.Combine(folder, "dataset.json"), JsonSerializer.Serialize(description, options) + "\n");
    }
}
