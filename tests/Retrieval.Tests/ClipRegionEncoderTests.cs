using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Vision;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Retrieval.Tests;

/// <summary>
/// Goal: the encoder's folder is read and written safely, and vectors are what an index needs. Method: random weights.
/// </summary>
public sealed class ClipRegionEncoderTests
{
    private static readonly RetrieverConfig s_config = new()
    {
        Name = "tiny",
        ProjectionDim = 16,
        VisionConfig = new ClipVisionConfig
        {
            ImageSize = 24,
            PatchSize = 12,
            HiddenSize = 32,
            NumHiddenLayers = 2,
            NumAttentionHeads = 2,
        },
    };

    [Fact]
    public void Encode_Batch_IsUnitVectorsAndEqualsOneByOne()
    {
        using var folder = new TemporaryFolder();
        using IBackend backend = CpuBackend.Create();
        using ClipRegionEncoder encoder = Create(backend, folder["m"]);
        RgbImage[] pictures = [.. Enumerable.Range(1, 19).Select(Picture)];
        float[] all = encoder.Encode(pictures);
        for (int i = 0; i < pictures.Length; i++)
        {
            float[] vector = all[(i * 16)..((i + 1) * 16)];
            Assert.Equal(1, System.Numerics.Tensors.TensorPrimitives.Norm<float>(vector), 4);
            float[] alone = encoder.Encode([pictures[i]]);
            for (int d = 0; d < 16; d++)
            {
                Assert.Equal(alone[d], vector[d], 4);
            }
        }
    }

    [Fact]
    public void Load_TwiceAndOtherWeights_FingerprintTellsThemApart()
    {
        using var folder = new TemporaryFolder();
        using IBackend backend = CpuBackend.Create();
        using ClipRegionEncoder first = Create(backend, folder["a"]);
        using ClipRegionEncoder again = ClipRegionEncoder.Load(backend, folder["a"]);
        using ClipRegionEncoder other = Create(backend, folder["b"], seed: 2);
        Assert.Equal(first.Fingerprint, again.Fingerprint);
        Assert.NotEqual(first.Fingerprint, other.Fingerprint);
        Assert.Equal(first.Encode([Picture(3)]), again.Encode([Picture(3)]));
    }

    [Theory]
    [InlineData("truncate")]
    [InlineData("nan")]
    [InlineData("sizes")]
    [InlineData("type")]
    [InlineData("json")]
    public void Load_DamagedFolder_IsBrokenArtifact(string damage)
    {
        using var folder = new TemporaryFolder();
        using IBackend backend = CpuBackend.Create();
        Create(backend, folder["m"]).Dispose();
        string weights = Path.Combine(folder["m"], ClipRegionEncoder.WeightsFile);
        string config = Path.Combine(folder["m"], ClipRegionEncoder.ConfigFile);
        byte[] bytes = File.ReadAllBytes(weights);
        switch (damage)
        {
            case "truncate":
                File.WriteAllBytes(weights, bytes[..^100]);
                break;
            case "nan":
                BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 4), float.NaN);
                File.WriteAllBytes(weights, bytes);
                break;
            case "sizes":
                File.WriteAllText(config, (s_config with { ProjectionDim = 17 }).ToJson());
                break;
            case "type":
                File.WriteAllText(config, (s_config with { ModelType = "llama" }).ToJson());
                break;
            default:
                File.WriteAllText(config, "{");
                break;
        }

        PixException error = Assert.Throws<PixException>(() => ClipRegionEncoder.Load(backend, folder["m"]));
        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Load_NoFolder_IsNotFound()
    {
        using var folder = new TemporaryFolder();
        using IBackend backend = CpuBackend.Create();
        PixException error = Assert.Throws<PixException>(() => ClipRegionEncoder.Load(backend, folder["m"]));
        Assert.Equal(PixErrorKind.NotFound, error.Kind);
    }

    [Fact]
    public void Index_OfRealPictures_FindsEachByItself()
    {
        using var folder = new TemporaryFolder();
        using IBackend backend = CpuBackend.Create();
        using ClipRegionEncoder encoder = Create(backend, folder["m"]);
        Directory.CreateDirectory(folder["kb"]);
        for (int i = 1; i <= 5; i++)
        {
            File.WriteAllBytes(Path.Combine(folder["kb"], $"{i}.png"), PictureCodec.EncodePng(Picture(i)));
            File.AppendAllText(Path.Combine(folder["kb"], KnowledgeBase.DocumentsFile),
                $$"""{"id":"d{{i}}","title":"T{{i}}","text":"text","picture":"{{i}}.png"}""" + "\n");
        }

        new IndexBuilder(encoder, file => PictureCodec.Decode(file))
            .Build(new KnowledgeBase(folder["kb"]), folder["index"]);
        using SearchIndex index = SearchIndex.Open(folder["index"], encoder);
        for (int i = 1; i <= 5; i++)
        {
            EvidenceHit hit = index.SearchVector(encoder.Encode([Picture(i)]), 1, SearchModality.Image)[0];
            Assert.Equal($"d{i}", hit.DocumentId);
            Assert.Equal(1, hit.Score, 3);
        }
    }

    private static ClipRegionEncoder Create(IBackend backend, string folder, ulong seed = 1)
    {
        using (var weights = new WeightStore(new RandomWeights(backend, seed)))
        {
            using var made = new ClipRegionEncoder(backend, weights, s_config, "");
            ClipRegionEncoder.Save(s_config, weights, folder, ElementType.F32);
        }

        return ClipRegionEncoder.Load(backend, folder);
    }

    private static RgbImage Picture(int number)
    {
        var random = new SeededRandom((ulong)number);
        int width = 8 + random.NextInt(40);
        int height = 8 + random.NextInt(40);
        return new RgbImage(width, height,
            [.. Enumerable.Range(0, width * height * 3).Select(_ => (byte)random.NextInt(256))]);
    }
}
