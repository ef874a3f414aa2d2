using PixSearch.Abstractions;
using PixSearch.Models.Families;
using PixSearch.Models.Llava;
using PixSearch.Models.PixelLm;
using PixSearch.Models.PixelSail;
using PixSearch.Models.Plum;
using PixSearch.Models.Sam;
using PixSearch.Models.Text;
using PixSearch.Models.Tokenizers;
using PixSearch.Models.Vision;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Families;

/// <summary>Models of every family with sizes drawn at random: what holds for one size must hold for all.</summary>
internal static class RandomFamilies
{
    public const int ContextLength = 96;

    private static readonly string[] s_tokens =
    [
        "[SEG0]", "[SEG1]", "[SEG2]", "[SEG3]", "[SEG4]", "[SEG5]", "<vision>", "</vision>", "<vpatch>",
        "<|endoftext|>", "<|im_start|>", "<|im_end|>", "[SEG]",
    ];

    public static IReadOnlyList<string> Names { get; } =
        ["pixsearch", "lisa", "pixellm", "pixel-sail", "eve", "llava"];

    public static ISegmentingModel Make(string family, IBackend backend, SeededRandom random)
    {
        AddedToken[] added = [.. BpeTrainer.PixSearchTokens,
            .. s_tokens.Select((token, i) => new AddedToken(BpeTrainer.PixSearchTokens.Count + i, token, true))];
        BpeTokenizer tokenizer = TokenizerJson.Parse(TinyModels.TokenizerJson(added), "random");
        var weights = new WeightStore(new RandomWeights(backend, random.NextUInt64()));
        return family switch
        {
            "pixsearch" => new PixSearchModel(backend, weights, new PixSearchNetwork(weights, PixSearch(random)),
                tokenizer),
            "lisa" => new LisaModel(backend, weights, new LlavaSamNetwork(weights, new LisaConfig
            {
                TextConfig = Text(random),
                VisionConfig = Vision(random),
                SamConfig = Sam(random),
                MmProjectorType = random.NextInt(2) == 0 ? "linear" : "mlp2x_gelu",
                ImageAspectRatio = random.NextInt(2) == 0 ? "pad" : "crop",
            }.Validate()), tokenizer),
            "pixellm" => new PixelLmModel(backend, weights, new PixelLmNetwork(weights, PixelLm(random)), tokenizer),
            "pixel-sail" => new PixelSailModel(backend, weights, new PixelSailNetwork(weights, new PixelSailConfig
            {
                TextConfig = Text(random) with { AttentionBias = true },
                PatchSize = random.NextInt(2) == 0 ? 8 : 16,
                LongestSide = 64,
                SegHidden = Between(random, 5, 20),
            }), tokenizer),
            "eve" => new EveSailModel(backend, weights, new EveSailNetwork(weights, new EveSailConfig
            {
                TextConfig = Text(random) with { AttentionBias = true, VisionTwin = true },
                AreaSide = 32 * Between(random, 1, 3),
                PatchHidden = 4 * Between(random, 1, 6),
                SegHidden = Between(random, 5, 20),
            }), tokenizer),
            _ => new LlavaModel(backend, weights, new LlavaNetwork(weights, new LlavaConfig
            {
                TextConfig = Text(random),
                VisionConfig = Vision(random),
                MmUseImStartEnd = random.NextInt(2) == 0,
            }), tokenizer),
        };
    }

    public static int Between(SeededRandom random, int least, int most) => least + random.NextInt(most - least + 1);

    private static PixSearchConfig PixSearch(SeededRandom random)
    {
        LlamaConfig text = Text(random);
        return new PixSearchConfig
        {
            TextConfig = text,
            VisionConfig = Vision(random),
            SamConfig = Sam(random),
            BioHeads = text.NumAttentionHeads,
            BioFeedForward = Between(random, 9, 40),
            MaskRefinement = random.NextInt(2) == 0,
        };
    }

    private static LlamaConfig Text(SeededRandom random)
    {
        int keyValueHeads = Between(random, 1, 2);
        int heads = keyValueHeads * Between(random, 1, 3);
        return new LlamaConfig
        {
            HiddenSize = heads * 4 * Between(random, 1, 5),
            NumHiddenLayers = Between(random, 1, 3),
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            IntermediateSize = Between(random, 9, 70),
            VocabSize = TinyModels.VocabularySize,
            TieWordEmbeddings = random.NextInt(2) == 0,
            AttentionBias = random.NextInt(2) == 0,
            MaxPositionEmbeddings = ContextLength,
        };
    }

    private static ClipVisionConfig Vision(SeededRandom random)
    {
        int heads = Between(random, 1, 3);
        int patch = Between(random, 3, 8);
        return new ClipVisionConfig
        {
            ImageSize = patch * Between(random, 2, 5),
            PatchSize = patch,
            HiddenSize = heads * Between(random, 3, 9),
            NumHiddenLayers = Between(random, 2, 3),
            NumAttentionHeads = heads,
            IntermediateSize = Between(random, 9, 40),
        };
    }

    private static SamConfig Sam(SeededRandom random)
    {
        int heads = Between(random, 1, 3);
        int patch = Between(random, 2, 5);
        return new SamConfig
        {
            ImageSize = patch * Between(random, 4, 9),
            PatchSize = patch,
            EmbedDim = heads * Between(random, 4, 9),
            Depth = 2,
            NumHeads = heads,
            WindowSize = Between(random, 2, 5),
            GlobalAttnIndexes = [1],
            OutChans = 32,
            DecoderHeads = 4,
            DecoderMlpDim = Between(random, 9, 40),
        };
    }

    private static PixelLmConfig PixelLm(SeededRandom random)
    {
        ClipVisionConfig vision = Vision(random);
        int textGrid = Between(random, 2, 4);
        return new PixelLmConfig
        {
            TextConfig = Text(random),
            VisionConfig = vision,
            InputSize = vision.PatchSize * textGrid * Between(random, 1, 2),
            TextGrid = textGrid,
            VisionLayers = [-1, -2],
            DecoderDim = 32,
            DecoderHeads = 4,
            DecoderMlpDim = Between(random, 9, 40),
        };
    }
}
