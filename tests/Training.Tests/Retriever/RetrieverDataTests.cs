using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Autodiff;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Retrieval;
using PixSearch.Tensors;
using PixSearch.Training.Data;
using PixSearch.Training.Optimization;
using PixSearch.Training.Retriever;
using PixSearch.Training.Settings;

namespace PixSearch.Training.Tests.Retriever;

/// <summary>What the index encoder learns from: outlines, whole pictures, exchanged colours.</summary>
public sealed class RetrieverDataTests
{
    private const int Side = 48;

    private static readonly Rgb s_background = new(90, 90, 90);

    [Fact]
    public void RoughMask_OfASmallThing_IsNearlyThatThing()
    {
        var mask = new BinaryMask(384, 384);
        for (int y = 100; y < 127; y++)
        {
            mask.Bits.Slice((y * 384) + 200, 40).Fill(1);
        }

        double[] ious = [.. Enumerable.Range(0, 200).Select(seed =>
            BinaryMask.Iou(mask, RoughMask.Make(mask, new SeededRandom((ulong)seed))))];
        Assert.InRange(ious.Min(), 0.45, 0.9);
        Assert.InRange(ious.Average(), 0.75, 0.95);
    }

    [Fact]
    public void Load_PicturesSearchedForAsAWhole_AreCropsWithTheirBackground()
    {
        using TinyWorld world = WithDocuments();
        Assert.DoesNotContain(Load(world), crop => crop[0, 0] == s_background);
        Sample[] samples = [.. Sample.ReadAll(Path.Combine(world.Folder, "train.jsonl")).Select(sample => sample with
        {
            Searches = sample.Stage == 2 ? [new SampleSearch("image", "", sample.Entities[0].Id)] : [],
        })];
        PixSearch.Training.Data.JsonLines.Write(samples, Path.Combine(world.Folder, "train.jsonl"));
        Assert.Equal(4, Load(world).Count(crop => crop[0, 0] == s_background));

        static IEnumerable<RgbImage> Load(TinyWorld world) =>
            InstanceSet.Load([world.Folder], Side, 10, 0, 1).Training.SelectMany(instance => instance.Crops);
    }

    [Fact]
    public void Build_ExchangedColours_AreTheSameInQueryAndDocument()
    {
        using TinyWorld world = WithDocuments();
        var instances = InstanceSet.Load([world.Folder], Side, 10, 0, 1);
        using var inner = new CpuBackend();
        using var backend = new AutodiffBackend(inner);
        StageSettings stage = new() { Name = "contrast", Steps = 1, Schedule = new WarmupCosine(0.001f, 0) };
        using var task = new RetrieverTask(backend, RetrieverConfig.Nano, instances,
            new RetrieverSettings { BatchInstances = 3, Stages = [stage] });
        var seen = new HashSet<int>();
        for (int index = 0; index < 40; index++)
        {
            RetrieverBatch batch = task.Build(index, stage);
            int plane = batch.Queries.Length / batch.Count / 3;
            for (int i = 0; i < batch.Count; i++)
            {
                float[] query = Light(batch.Queries.AsSpan(i * 3 * plane, 3 * plane));
                float[] document = Light(batch.Documents.AsSpan(i * 3 * plane, 3 * plane));
                if (document.Min() > 0)
                {
                    continue; // White is white with any colours exchanged.
                }

                int brightest = Array.IndexOf(document, document.Max());
                Assert.Equal(brightest, Array.IndexOf(query, query.Max()));
                seen.Add(brightest);
            }
        }

        Assert.Equal([0, 1, 2], seen.Order());
    }

    // Of each channel.
    private static float[] Light(ReadOnlySpan<float> picture)
    {
        int plane = picture.Length / 3;
        float[] sums = new float[3];
        for (int i = 0; i < picture.Length; i++)
        {
            sums[i / plane] += picture[i];
        }

        return sums;
    }

    private static TinyWorld WithDocuments()
    {
        var world = new TinyWorld();
        Directory.CreateDirectory(Path.Combine(world.Folder, "kb"));
        var lines = new List<string>();
        foreach (SampleEntity entity in Sample.ReadAll(Path.Combine(world.Folder, "train.jsonl"))
            .Select(sample => sample.Entities[0]).DistinctBy(entity => entity.Id))
        {
            Rgb colour = entity.Name switch
            {
                "red" => new Rgb(230, 20, 20), "green" => new Rgb(20, 200, 20), "blue" => new Rgb(20, 20, 230),
                _ => new Rgb(250, 250, 250),
            };
            File.WriteAllBytes(Path.Combine(world.Folder, "kb", $"{entity.Name}.png"),
                PictureCodec.EncodePng(new RgbImage(32, 32, colour)));
            lines.Add(JsonSerializer.Serialize(
                new { id = entity.Id, title = entity.Name, text = "", picture = $"{entity.Name}.png" }));
        }

        File.WriteAllLines(Path.Combine(world.Folder, "kb", "documents.jsonl"), lines);
        return world;
    }
}
