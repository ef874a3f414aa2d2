using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Models.Plum;
using PixSearch.Models.Sam;
using PixSearch.Models.Text;
using PixSearch.Models.Tokenizers;
using PixSearch.Models.Vision;

namespace PixSearch.Models.Tests.Families;

/// <summary>Small configurations, tokenizers and pictures for tests of whole models.</summary>
internal static class TinyModels
{
    public static PixSearchConfig PixSearch(int vocabulary) => new()
    {
        Name = "tiny",
        TextConfig = new LlamaConfig
        {
            HiddenSize = 32,
            NumHiddenLayers = 2,
            NumAttentionHeads = 4,
            NumKeyValueHeads = 2,
            IntermediateSize = 48,
            VocabSize = vocabulary,
            MaxPositionEmbeddings = 256,
        },
        VisionConfig = new ClipVisionConfig
        {
            ImageSize = 24,
            PatchSize = 8,
            HiddenSize = 16,
            NumHiddenLayers = 3,
            NumAttentionHeads = 2,
        },
        SamConfig = new SamConfig
        {
            ImageSize = 32,
            PatchSize = 4,
            EmbedDim = 16,
            Depth = 2,
            NumHeads = 2,
            WindowSize = 3,
            GlobalAttnIndexes = [1],
            OutChans = 32,
            DecoderHeads = 4,
            DecoderMlpDim = 24,
        },
        BioFeedForward = 24,
    };

    /// <summary>Ids of all tokenizers here fit this vocabulary.</summary>
    public const int VocabularySize = 352;

    public static string[] PixelSailTokens { get; } =
    [
        "<vision>", "</vision>", "<vpatch>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "[SEG]", "<Prompt0>",
            "<Prompt1>",
        "<Prompt2>",
    ];

    /// <summary>tokenizer.json of the project's own kind with a few merges.</summary>
    public static byte[] TokenizerJson(IReadOnlyList<AddedToken>? added = null)
    {
        var trainer = new BpeTrainer(added ?? BpeTrainer.PixSearchTokens);
        for (int i = 0; i < 5; i++)
        {
            trainer.Add("USER: Point out the flag on the left and the apple. " +
                "ASSISTANT: The flag on the left and the apple.");
        }

        return trainer.Train(VocabularySize).ToTokenizerJson();
    }

    public static RgbImage Picture(int width, int height, ulong seed)
    {
        var random = new SeededRandom(seed);
        byte[] pixels = new byte[width * height * 3];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (byte)random.NextInt(256);
        }

        return new RgbImage(width, height, pixels);
    }
}
