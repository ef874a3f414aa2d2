using PixSearch.Models.Checkpoints;
using PixSearch.Models.Families;
using PixSearch.Models.PixelLm;
using PixSearch.Models.PixelSail;
using PixSearch.Models.Plum;
using PixSearch.Models.Text;
using PixSearch.Models.Tokenizers;
using PixSearch.Models.Vision;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Families;

/// <summary>Small random models of each family, written to a folder and loaded from it.</summary>
internal static class TinyFolders
{
    public static ISegmentingModel Lisa(IBackend backend, string folder)
    {
        PixSearchConfig sizes = TinyModels.PixSearch(TinyModels.VocabularySize);
        var config = new LisaConfig
        {
            TextConfig = sizes.TextConfig,
            VisionConfig = sizes.VisionConfig,
            SamConfig = sizes.SamConfig,
            MmProjectorType = "mlp2x_gelu",
            ImageAspectRatio = "pad",
        };
        return SaveAndLoad(backend, folder, config.ToJson(), weights =>
            new LlavaSamNetwork(weights, config.Validate()), ["[SEG]"]);
    }

    public static ISegmentingModel PixelLm(IBackend backend, string folder)
    {
        var config = new PixelLmConfig
        {
            TextConfig = TinyModels.PixSearch(TinyModels.VocabularySize).TextConfig,
            VisionConfig = new ClipVisionConfig
            {
                ImageSize = 40,
                PatchSize = 8,
                HiddenSize = 16,
                NumHiddenLayers = 3,
                NumAttentionHeads = 2,
            },
            InputSize = 64,
            TextGrid = 4,
            VisionLayers = [-2, -3],
            DecoderDim = 32,
            DecoderHeads = 4,
            DecoderMlpDim = 24,
        };
        return SaveAndLoad(backend, folder, config.ToJson(), weights => new PixelLmNetwork(weights, config),
            ["[SEG0]", "[SEG1]", "[SEG2]", "[SEG3]", "[SEG4]", "[SEG5]"]);
    }

    public static ISegmentingModel PixelSail(IBackend backend, string folder)
    {
        var config = new PixelSailConfig
        {
            TextConfig = TinyModels.PixSearch(TinyModels.VocabularySize).TextConfig with { AttentionBias = true },
            PatchSize = 16,
            LongestSide = 64,
            SegHidden = 12,
        };
        return SaveAndLoad(backend, folder, config.ToJson(), weights =>
            new PixelSailNetwork(weights, config), TinyModels.PixelSailTokens);
    }

    public static ISegmentingModel EveSail(IBackend backend, string folder)
    {
        var config = new EveSailConfig
        {
            TextConfig = TinyModels.PixSearch(TinyModels.VocabularySize).TextConfig with
            {
                AttentionBias = true,
                VisionTwin = true,
            },
            AreaSide = 64,
            SegHidden = 12,
        };
        return SaveAndLoad(backend, folder, config.ToJson(), weights => new EveSailNetwork(weights, config),
            TinyModels.PixelSailTokens);
    }

    public static ISegmentingModel PixSearch(IBackend backend, string folder)
    {
        PixSearchConfig config = TinyModels.PixSearch(TinyModels.VocabularySize);
        return SaveAndLoad(backend, folder, config.ToJson(), weights => new PixSearchNetwork(weights, config), []);
    }

    private static ISegmentingModel SaveAndLoad(IBackend backend, string folder, string config,
        Action<WeightStore> build,
        string[] tokens)
    {
        AddedToken[] added = [.. BpeTrainer.PixSearchTokens,
            .. tokens.Select((token, i) => new AddedToken(BpeTrainer.PixSearchTokens.Count + i, token, Special: true))];
        File.WriteAllBytes(Path.Combine(folder, ModelFolder.TokenizerFile), TinyModels.TokenizerJson(added));
        using var weights = new WeightStore(new RandomWeights(backend, 21));
        build(weights);
        ModelFolder.Save(config, weights, folder, ElementType.F32);
        return ModelFolder.Load(backend, folder);
    }
}
