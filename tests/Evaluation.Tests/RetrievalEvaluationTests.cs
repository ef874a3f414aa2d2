using System.Text.Json;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Retrieval;

namespace PixSearch.Evaluation.Tests;

/// <summary>
/// Goal: the three kinds of queries are cut and ranked as named. Method: an L-shaped red entity on blue, whose box is
/// mostly background, and an encoder that sees the mean colour.
/// </summary>
public sealed class RetrievalEvaluationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pixsearch-eval-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Run_EntityWithBackgroundInItsBox_IsFoundByMaskAlone()
    {
        WriteData();
        var encoder = new MeanColourEncoder();
        string index = Path.Combine(_folder, "index");
        new IndexBuilder(encoder, file => PictureCodec.Decode(file)).Build(
            new KnowledgeBase(Path.Combine(_folder, "kb")), index);
        using SearchIndex opened = SearchIndex.Open(index, encoder);
        IReadOnlyList<RetrievalScore> scores =
            RetrievalEvaluation.Run(EvalDataset.Load(_folder, "test"), opened, encoder,
            targetsOnly: false, scenesMax: 10, _ => { }, default);
        Assert.Equal((1, 1.0, 1.0), Of("true mask", "ego"));
        Assert.Equal((1, 0.0, 1.0), Of("box", "ego"));
        Assert.Equal((1, 0.0, 1.0), Of("whole scene", "all"));
        Assert.Equal(0, scores.Single(score => score is { Query: "box", View: "non-ego" }).Count);

        (int, double, double) Of(string query, string view)
        {
            RetrievalScore score = scores.Single(one => one.Query == query && one.View == view);
            return (score.Count, score.Top1.Value, score.Top5.Value);
        }
    }

    private void WriteData()
    {
        string kb = Path.Combine(_folder, "kb");
        Directory.CreateDirectory(kb);
        File.WriteAllBytes(Path.Combine(kb, "red.png"), PictureCodec.EncodePng(new RgbImage(8, 8, new Rgb(255, 0, 0))));
        File.WriteAllBytes(Path.Combine(kb, "blue.png"),
            PictureCodec.EncodePng(new RgbImage(8, 8, new Rgb(0, 0, 255))));
        File.WriteAllText(Path.Combine(kb, "documents.jsonl"), """
            {"id":"red","title":"Red","text":"x","picture":"red.png","entity":"red"}
            {"id":"blue","title":"Blue","text":"x","picture":"blue.png","entity":"blue"}
            """);
        var scene = new RgbImage(8, 8, new Rgb(0, 0, 255));
        var mask = new BinaryMask(8, 8);
        for (int i = 0; i < 8; i++)
        {
            mask[0, i] = true;
            mask[i, 0] = true;
            scene[0, i] = new Rgb(255, 0, 0);
            scene[i, 0] = new Rgb(255, 0, 0);
        }

        File.WriteAllBytes(Path.Combine(_folder, "scene.png"), PictureCodec.EncodePng(scene));
        string line = JsonSerializer.Serialize(new
        {
            id = "q",
            scene = "s",
            image = "scene.png",
            width = 8,
            height = 8,
            view = "ego",
            stage = 2,
            kind = "region",
            question = "?",
            entities = new[]
            {
                new { id = "red", label = "l", mask =
                    new { size = new[] { 8, 8 }, counts = RleCodec.Encode(mask).Counts } },
            },
        });

        // Two questions about one scene: its entity still counts once.
        File.WriteAllText(Path.Combine(_folder, "test.jsonl"), $"{line}\n{line}\n");
    }

    private sealed class MeanColourEncoder : IRegionEncoder
    {
        public string Name => "mean";

        public string Fingerprint => "mean-1";

        public int Dimension => 3;

        public float[] Encode(IReadOnlyList<RgbImage> pictures)
        {
            var result = new float[pictures.Count * 3];
            for (int i = 0; i < pictures.Count; i++)
            {
                ReadOnlySpan<byte> pixels = pictures[i].Pixels;
                for (int p = 0; p < pixels.Length; p++)
                {
                    result[(i * 3) + (p % 3)] += pixels[p];
                }

                float norm = MathF.Sqrt((result[i * 3] * result[i * 3]) + (result[(i * 3) + 1] * result[(i * 3) + 1])
                    + (result[(i * 3) + 2] * result[(i * 3) + 2]));
                for (int c = 0; c < 3; c++)
                {
                    result[(i * 3) + c] /= norm;
                }
            }

            return result;
        }

        public void Dispose()
        {
        }
    }
}
