using PixSearch.Imaging;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Checkpoints.Published;
using PixSearch.Models.Families;
using PixSearch.Models.Plum;
using PixSearch.Models.Sam;
using PixSearch.Models.Tasks;
using PixSearch.Models.Tests.Families;
using PixSearch.Models.Text;
using PixSearch.Models.Vision;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Checkpoints;

// Goal: every published layout on disk goes the whole way, as it is and converted: load, tokenise, preprocess,
// generate, masks out; and conversion changes neither text nor masks.
public sealed class PublishedFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly RgbImage _picture = TinyModels.Picture(48, 32, 5);

    public static TheoryData<string> Whole() => new(PublishedFolders.Whole);

    public static TheoryData<string> WithoutVision() => new(PublishedFolders.WithoutVision);

    [Theory]
    [MemberData(nameof(Whole))]
    public void Load_Folder_AnswersWithMasksAsItsConversionDoes(string layout)
    {
        PublishedFolders.Write(layout, _folder.File("in"));
        (int[] slots, IReadOnlyList<int> areas) = Answer(_folder.File("in"));
        Convert(ConvertedType.F32, null);

        (int[] converted, IReadOnlyList<int> convertedAreas) = Answer(_folder.File("out"));

        Assert.Equal(slots, converted);
        Assert.Equal(areas, convertedAreas);
    }

    [Theory]
    [MemberData(nameof(WithoutVision))]
    public void Load_FolderWithoutClip_AsksForItAndTakesIt(string layout)
    {
        PublishedFolders.Write(layout, _folder.File("in"));
        using (var backend = new CpuBackend())
        {
            var error = Assert.Throws<PixSearch.Abstractions.PixException>(() =>
                ModelFolder.Load(backend, _folder.File("in")));
            Assert.Contains("--vision", error.Message, StringComparison.Ordinal);
        }

        Convert(ConvertedType.F32, _folder.File("in/clip"));
        Assert.NotEmpty(Answer(_folder.File("out")).Areas);
    }

    [Theory]
    [InlineData("pixellm-torch-shards")]
    [InlineData("pixel-sail-eve-pth")]
    public void Load_AsBF16AndQ8_IsCloseToF32(string layout)
    {
        PublishedFolders.Write(layout, _folder.File("in"));
        using var backend = new CpuBackend();
        float[] exact = Logits(backend, WeightType.F32);
        float scale = exact.Max(MathF.Abs);
        Assert.Equal(exact, Logits(backend, null));
        foreach ((WeightType type, float tolerance) in new[] { (WeightType.BF16, 0.02f), (WeightType.Q8, 0.05f) })
        {
            float[] packed = Logits(backend, type);
            Assert.NotEqual(exact, packed);
            float worst = exact.Zip(packed, (a, b) => MathF.Abs(a - b)).Max() / scale;
            Assert.True(worst < tolerance, $"{type}: {worst}");
        }

    }

    // The file says how it is held in memory: 8 bits of a file are 8 bits there, with the same scales.
    [Fact]
    public void Load_ConvertedToQ8_ComputesAsTheOriginalHeldInQ8()
    {
        PublishedFolders.Write("lisa-torch", _folder.File("in"));
        using var backend = new CpuBackend();
        float[] held = Logits(backend, WeightType.Q8);
        Convert(ConvertedType.Q8, null);
        Directory.Move(_folder.File("in"), _folder.File("original"));
        Directory.Move(_folder.File("out"), _folder.File("in"));
        float[] stored = Logits(backend, null);
        float scale = held.Max(MathF.Abs);
        Assert.Equal(held, stored, (a, b) => MathF.Abs(a - b) < 0.02f * scale);
    }

    [Theory]
    [InlineData("sam.pth", CheckpointLayout.Sam)]
    [InlineData("sam.safetensors", CheckpointLayout.Sam)]
    [InlineData("model.safetensors", CheckpointLayout.SamHf)]
    public void SamAlone_Points_GiveMasks(string file, CheckpointLayout layout)
    {
        RandomCheckpoint random = RandomCheckpoint.SamAlone();
        if (file.EndsWith(".pth", StringComparison.Ordinal))
        {
            _folder.Write(file, random.ToTorch(RandomCheckpoint.SamNameOf));
        }
        else
        {
            random.WriteSafetensors(_folder.File(file), layout == CheckpointLayout.SamHf
                ? RandomCheckpoint.TransformersSamNameOf
                : RandomCheckpoint.SamNameOf);
        }

        using var backend = new CpuBackend();
        IReadOnlyList<SegmentedTarget> direct = Predict(backend, _folder.File(file));
        using (PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(_folder.File(file)))
        {
            Assert.Equal(layout, checkpoint.Layout);
            Assert.Empty(checkpoint.Check()!.Missing);
            Assert.Empty(checkpoint.Check()!.Extra);
            Assert.All(random.Tensors, pair => Assert.Equal(pair.Value.Values, checkpoint.Source.ReadF32(pair.Key)));
            CheckpointConverter.Convert(checkpoint, ConvertedType.F32, _folder.File("out"));
        }

        IReadOnlyList<SegmentedTarget> converted = Predict(backend, _folder.File("out"));
        Assert.Equal(3, direct.Count);
        Assert.Equal(direct.Select(target => (target.Mask.Area, target.Score)),
            converted.Select(target => (target.Mask.Area, target.Score)));
    }

    [Fact]
    public void SamModel_OfAWholeModel_ReadsOnlySam()
    {
        PublishedFolders.Write("lisa-torch", _folder.File("in"));
        using var backend = new CpuBackend();
        Assert.Equal(3, Predict(backend, _folder.File("in")).Count);
        PublishedFolders.Write("pixellm-torch-shards", _folder.File("other"));
        var error = Assert.Throws<PixSearch.Abstractions.PixException>(() => Predict(backend, _folder.File("other")));
        Assert.Contains("has no SAM", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void GlammPrompt_PutsThePictureIntoASentence()
    {
        PublishedFolders.Write("glamm-safetensors-shards", _folder.File("in"));
        using var backend = new CpuBackend();
        using var model = (LisaModel)ModelFolder.Load(backend, _folder.File("in"));
        int[] slots = model.BuildPrompt("Where?", _picture).Slots;
        int picture = Array.FindIndex(slots, slot => slot < 0);
        int end = Array.FindLastIndex(slots, slot => slot < 0);
        // White space beside added tokens goes, as in the tokenizer that GLaMM was trained with.
        Assert.EndsWith("USER: The<im_start>", model.Tokenizer.Decode(slots.AsSpan(0, picture)),
            StringComparison.Ordinal);
        Assert.StartsWith("<im_end>provides an overview of the picture.\nWhere? ASSISTANT:",
            model.Tokenizer.Decode(slots.AsSpan(end + 1)).Replace("<im_end> ", "<im_end>", StringComparison.Ordinal),
            StringComparison.Ordinal);
    }

    // PLUM-13B in full size (LLaMA-2-13B, CLIP ViT-L/14, SAM ViT-H): names and shapes only.
    [Theory]
    [InlineData(WeightType.F32, 4.0)]
    [InlineData(WeightType.BF16, 2.01)]
    [InlineData(WeightType.Q8, 1.08)]
    public void MemoryBytes_ThirteenBillion_IsThatOfTheTypeAndAFewPlainNumbers(WeightType type, double bytesEach)
    {
        var shapes = new ShapeSource(ElementType.BF16);
        using (var store = new WeightStore(shapes))
        {
            _ = new PixSearchNetwork(store, ThirteenBillion());
        }

        CheckpointCheck check = CheckpointCheck.Run(shapes, weights =>
            _ = new PixSearchNetwork(weights, ThirteenBillion()));

        // A log of PLUM's training says 14,153,038,759 with its adapters, its aliases and all of CLIP.
        long numbers = check.Used.Sum(entry => (long)entry.Shape.Count);
        Assert.InRange(numbers, 14_100_000_000, 14_153_038_759);
        Assert.InRange(check.MemoryBytes(type) / (double)numbers, bytesEach * 0.94, bytesEach);
        Assert.Equal(check.MemoryBytes(WeightType.BF16), check.MemoryBytes(null));
    }

    public void Dispose() => _folder.Dispose();

    private static PixSearchConfig ThirteenBillion() => new()
    {
        TextConfig = new LlamaConfig
        {
            HiddenSize = 5120,
            NumHiddenLayers = 40,
            NumAttentionHeads = 40,
            IntermediateSize = 13_824,
            VocabSize = 32_002,
        },
        VisionConfig = new ClipVisionConfig
        {
            ImageSize = 224,
            PatchSize = 14,
            HiddenSize = 1024,
            NumHiddenLayers = 24,
            NumAttentionHeads = 16,
            IntermediateSize = 4096,
        },
        SamConfig = new SamConfig { EmbedDim = 1280, Depth = 32, NumHeads = 16, GlobalAttnIndexes = [7, 15, 23, 31] },
    };

    private static IReadOnlyList<SegmentedTarget> Predict(IBackend backend, string path)
    {
        using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(path);
        using SamModel sam = SamModel.Load(backend, checkpoint);
        using SamPredictor predictor = sam.CreatePredictor(TinyModels.Picture(48, 32, 5));
        return predictor.Predict([new SamPoint(9, 9, true)], [], null, multimask: true);
    }

    private void Convert(ConvertedType type, string? vision)
    {
        using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(_folder.File("in"),
            new PublishedOptions { VisionPath = vision });
        Assert.DoesNotContain(CheckpointConverter.Convert(checkpoint, type, _folder.File("out")),
            note => note.Contains("tokenizer", StringComparison.Ordinal));
    }

    private float[] Logits(IBackend backend, WeightType? storage)
    {
        using ISegmentingModel model = ModelFolder.Load(backend, _folder.File("in"), storage);
        using var scope = new TensorScope();
        using IImageEncoding image = model.EncodeImage(_picture);
        ModelPrompt prompt = model.BuildPrompt("Where is the flag?", _picture);
        using KvStore store = model.CreateKvStore(1, prompt.Slots.Length);
        Tensor logits = model.Step([new StepSequence(prompt.Slots, 0, prompt.Slots.Length, new int[1], image, prompt)],
            store).Logits;
        float[] numbers = new float[logits.Count];
        backend.Read(logits, numbers);
        return numbers;
    }

    // Four tokens of the model's own after an answer with the tokens that a mask needs, and the areas of all masks.
    private (int[] Slots, IReadOnlyList<int> Areas) Answer(string folder)
    {
        using var backend = new CpuBackend();
        using ISegmentingModel model = ModelFolder.Load(backend, folder);
        using IImageEncoding image = model.EncodeImage(_picture);
        ModelPrompt prompt = model.BuildPrompt("Where is the flag?", _picture);
        int[] begin = model.Tokenizer.Encode(model.Family == ModelFamily.PixelLm
            ? "The flag [SEG0] [SEG1] [SEG2] [SEG3] [SEG4] [SEG5]"
            : model.Family == ModelFamily.PixSearch ? "The flag" : "The flag [SEG].");
        using GreedyAnswer answer = GreedyAnswer.Decode(model, prompt, image, tokensMax: 4, begin);
        using var scope = new TensorScope();
        Grounding[] groundings = [.. model.Ground(answer.Slots, answer.Hidden)
            .Where(grounding => grounding.Start >= answer.PromptLength)];
        Tensor logits = model.DecodeMasks(image, groundings, answer.Hidden);
        IReadOnlyList<SegmentedTarget> targets = SegmentedTarget.FromLogits(backend, logits,
            new string[groundings.Length]);
        Assert.Equal(model.Family == ModelFamily.Llava, targets.Count == 0);
        Assert.All(targets, target => Assert.Equal((48, 32), (target.Mask.Width, target.Mask.Height)));
        return (answer.Slots, [.. targets.Select(target => target.Mask.Area)]);
    }

    /// <summary>Notes the shapes that a network asks for; afterwards a source without numbers.</summary>
    private sealed class ShapeSource(ElementType type) : IWeightSource, ITensorSource
    {
        private readonly Dictionary<string, TensorEntry> _entries = new(StringComparer.Ordinal);

        public string Origin => "shapes";

        public IReadOnlyDictionary<string, TensorEntry> Tensors => _entries;

        public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

        public bool Contains(string name) => true;

        public Weight Create(string name, Shape shape, WeightInit init)
        {
            _entries[name] = new TensorEntry(name, type, shape);
            return new Weight(name, shape, WeightType.F32, new MemoryStream());
        }

        public void ReadF32(string name, long start, Span<float> destination) => throw new NotSupportedException();

        public void ReadI64(string name, long start, Span<long> destination) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
