using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Checkpoints.Published;
using PixSearch.Models.Families;
using PixSearch.Models.Text;

namespace PixSearch.Models.Tests.Checkpoints;

// Goal: a checkpoint of each family in each layout on disk is recognised, complete, and gives back every number under
// the project's names; what is missing is listed.
public sealed class PublishedCheckpointTests : IDisposable
{
    private const string VisionPrefix = "model.vision_tower.vision_tower.";

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Open_PlumInShards_IsComplete()
    {
        RandomCheckpoint random = RandomCheckpoint.Plum();
        random.WriteShards(_folder.File(""), torch: true, shards: 3);
        WriteConfig();
        Check(random, _folder.File(""), CheckpointLayout.Plum);
    }

    [Fact]
    public void Open_LisaWithoutVisionTower_TakesItFromClip()
    {
        RandomCheckpoint random = RandomCheckpoint.Lisa();
        random.WriteShards(_folder.File(""), torch: true, shards: 2, name => IsVision(name) ? null : name);
        Directory.CreateDirectory(_folder.File("clip"));
        random.WriteSafetensors(_folder.File("clip/model.safetensors"),
            name => IsVision(name) ? name[VisionPrefix.Length..] : null);
        WriteConfig();

        Check(random, _folder.File(""), CheckpointLayout.Lisa, _folder.File("clip"));
        using PublishedCheckpoint without = PublishedCheckpoint.Open(_folder.File(""));
        Assert.All(without.Check()!.Missing, line => Assert.StartsWith(VisionPrefix, line, StringComparison.Ordinal));
        PixException error = Assert.Throws<PixException>(() =>
            CheckpointConverter.Convert(without, ConvertedType.F32, _folder.File("out")));
        Assert.Contains("--vision", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_GlammWithMlpProjector_IsRenamed()
    {
        RandomCheckpoint random = RandomCheckpoint.Lisa("mlp2x_gelu");
        random.WriteSafetensors(_folder.File("model.safetensors"), name =>
            name.Replace("model.visual_model.", "model.grounding_encoder.", StringComparison.Ordinal));
        WriteConfig();
        Check(random, _folder.File(""), CheckpointLayout.Glamm);
    }

    [Fact]
    public void Open_LisaAsTransformersSavesLlava_IsRenamed()
    {
        RandomCheckpoint random = RandomCheckpoint.Lisa("mlp2x_gelu");
        random.WriteSafetensors(_folder.File("model.safetensors"), name => name switch
        {
            "lm_head.weight" => "language_model.lm_head.weight",
            _ when IsVision(name) => "vision_tower." + name[VisionPrefix.Length..],
            _ when name.StartsWith("model.mm_projector.0", StringComparison.Ordinal) =>
                "multi_modal_projector.linear_1" + name["model.mm_projector.0".Length..],
            _ when name.StartsWith("model.mm_projector.2", StringComparison.Ordinal) =>
                "multi_modal_projector.linear_2" + name["model.mm_projector.2".Length..],
            _ when name.StartsWith("model.layers", StringComparison.Ordinal)
                || name is "model.embed_tokens.weight" or "model.norm.weight" => "language_model." + name,
            _ => name,
        });
        WriteConfig();
        Check(random, _folder.File(""), CheckpointLayout.Lisa);
    }

    [Fact]
    public void Open_PixelLmInTorchShards_IsComplete()
    {
        RandomCheckpoint random = RandomCheckpoint.PixelLm();
        random.WriteShards(_folder.File(""), torch: true, shards: 4);
        WriteConfig();
        Check(random, _folder.File(""), CheckpointLayout.PixelLm);
    }

    [Fact]
    public void Open_PixelSailStateDict_IsComplete()
    {
        RandomCheckpoint random = RandomCheckpoint.PixelSail();
        _folder.Write("iter_1.pth", random.ToTorch(wrapper: "state_dict"));
        WriteConfig(RandomCheckpoint.Text() with { RopeTheta = 1e6f, RmsNormEps = 1e-6f });
        Check(random, _folder.File(""), CheckpointLayout.PixelSail);
    }

    [Fact]
    public void Open_PlumBeforeMerging_MergesItsAdapters()
    {
        RandomCheckpoint random = RandomCheckpoint.Plum();
        const string Layer = "model.layers.1.self_attn.v_proj";
        (PixSearch.Tensors.Shape shape, float[] values) = random.Tensors[Layer + ".weight"];
        int width = shape[1];
        float[] a = [.. Enumerable.Range(0, 8 * width).Select(i => i % 7 * 0.01f)];
        float[] b = [.. Enumerable.Range(0, shape[0] * 8).Select(i => i % 5 * 0.01f)];
        random.Tensors[Layer + ".lora_A.default.weight"] = (new PixSearch.Tensors.Shape(8, width), a);
        random.Tensors[Layer + ".lora_B.default.weight"] = (new PixSearch.Tensors.Shape(shape[0], 8), b);
        _folder.Write("pytorch_model.bin", random.ToTorch(name => "base_model.model." + name));
        WriteConfig();

        using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(_folder.File(""));

        Assert.Empty(checkpoint.Check()!.Missing);
        Assert.Empty(checkpoint.Check()!.Extra);
        float[] merged = checkpoint.Source.ReadF32(Layer + ".weight");
        for (int i = 0; i < merged.Length; i++)
        {
            double sum = values[i];
            for (int k = 0; k < 8; k++)
            {
                sum += 2.0 * b[(i / width * 8) + k] * a[(k * width) + (i % width)];
            }

            Assert.Equal(sum, merged[i], 1e-6);
        }
    }

    [Fact]
    public void Open_AliasesAndOldTables_AreLeftOut()
    {
        RandomCheckpoint random = RandomCheckpoint.Plum();
        random.WriteSafetensors(_folder.File("model.safetensors"));
        WriteConfig();
        RandomCheckpoint more = RandomCheckpoint.Plum();
        foreach (string extra in (string[])["model.layers.0.self_attn.rotary_emb.inv_freq",
            "mask_pooler.prompt_encoder.no_mask_embed.weight", "mask_pooler.block1.0.0.weight",
                "mask_pooler.final_conv.bias"])
        {
            more.Tensors[extra] = (new PixSearch.Tensors.Shape(1), [1f]);
        }

        more.WriteSafetensors(_folder.File("model.safetensors"));
        Check(random, _folder.File(""), CheckpointLayout.Plum);
    }

    [Fact]
    public void Check_MissingExtraAndMisshaped_AreNamed()
    {
        RandomCheckpoint random = RandomCheckpoint.Plum();
        random.Tensors.Remove("model.layers.1.mlp.up_proj.weight");
        random.Tensors["mask_pooler.queries"] = (new PixSearch.Tensors.Shape(3), new float[3]);
        random.Tensors["model.stray"] = (new PixSearch.Tensors.Shape(1), new float[1]);
        random.WriteSafetensors(_folder.File("model.safetensors"));
        WriteConfig();

        using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(_folder.File(""));
        CheckpointCheck check = checkpoint.Check()!;

        Assert.Equal(["model.layers.1.mlp.up_proj.weight [96, 64]"], check.Missing);
        Assert.Equal(["mask_pooler.queries is [3], expected [16, 1, 32]"], check.Misshaped);
        Assert.Equal(["model.stray"], check.Extra);
    }

    [Theory]
    [InlineData(ConvertedType.F32, 0f)]
    [InlineData(ConvertedType.BF16, 0.004f)]
    [InlineData(ConvertedType.Q8, 0.01f)]
    public void Convert_Plum_GivesAFolderOfTheProjectsLayout(ConvertedType type, float relativeError)
    {
        RandomCheckpoint random = RandomCheckpoint.Plum();
        random.WriteShards(_folder.File(""), torch: false, shards: 2);
        WriteConfig();
        string output = _folder.File("out");
        using (PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(_folder.File("")))
        {
            CheckpointConverter.Convert(checkpoint, type, output);
        }

        using PublishedCheckpoint converted = PublishedCheckpoint.Open(output);
        Assert.Equal("pixsearch", converted.OwnType);
        Assert.Empty(converted.Check()!.Missing);
        Assert.Empty(converted.Check()!.Extra);
        using ITensorSource weights = ModelFolder.OpenWeights(output);
        foreach ((string name, (_, float[] values)) in random.Tensors.Where(pair =>
            !pair.Key.Contains("vision_model.encoder.layers.2.", StringComparison.Ordinal)))
        {
            float[] actual = weights.ReadF32(name);
            float largest = values.Max(Math.Abs);
            for (int i = 0; i < values.Length; i++)
            {
                Assert.Equal(values[i], actual[i], relativeError * largest);
            }
        }
    }

    [Fact]
    public void Convert_ToQ8_TakesAboutAQuarterAndReadsInPieces()
    {
        RandomCheckpoint random = RandomCheckpoint.Plum();
        random.WriteSafetensors(_folder.File("model.safetensors"));
        WriteConfig();
        using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(_folder.File(""));
        CheckpointConverter.Convert(checkpoint, ConvertedType.Q8, _folder.File("out"));
        using ITensorSource weights = ModelFolder.OpenWeights(_folder.File("out"));

        Assert.Equal(ElementType.I8, weights.Tensors["model.layers.0.mlp.up_proj.weight"].Type);
        float[] whole = weights.ReadF32("model.layers.0.mlp.up_proj.weight");
        float[] part = new float[77];
        weights.ReadF32("model.layers.0.mlp.up_proj.weight", 1001, part);
        Assert.Equal(whole.AsSpan(1001, 77).ToArray(), part);
    }

    public void Dispose() => _folder.Dispose();

    private static bool IsVision(string name) => name.StartsWith(VisionPrefix, StringComparison.Ordinal);

    private static void Check(RandomCheckpoint random, string path, CheckpointLayout layout, string? vision = null)
    {
        using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(path,
            new PublishedOptions { VisionPath = vision });
        Assert.Equal(layout, checkpoint.Layout);
        Assert.Null(checkpoint.OwnType);
        CheckpointCheck check = checkpoint.Check()!;
        Assert.Empty(check.Missing);
        Assert.Empty(check.Misshaped);
        Assert.Empty(check.Extra);
        Assert.InRange(check.Used.Count, 50, random.Tensors.Count);
        Assert.Equal(random.Tensors.Keys.Order(), checkpoint.Source.Tensors.Keys.Order());
        foreach ((string name, (_, float[] values)) in random.Tensors)
        {
            Assert.Equal(values, checkpoint.Source.ReadF32(name));
        }
    }

    private void WriteConfig(LlamaConfig? text = null) =>
        File.WriteAllText(_folder.File("config.json"), RandomCheckpoint.AuthorsConfig(text ?? RandomCheckpoint.Text()));
}
