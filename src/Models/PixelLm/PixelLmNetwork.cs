using PixSearch.Models.Plum;
using PixSearch.Models.Sam;
using PixSearch.Models.Text;
using PixSearch.Models.Vision;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.PixelLm;

/// <summary>A picture in PixelLM: rows of the language model, and the neck's features of each scale.</summary>
/// <param name="Rows">Shape: [textGrid * textGrid, hidden].</param>
/// <param name="Features">For each scale. Shape: [1, decoderDim, grid, grid].</param>
public sealed record PixelLmPicture(Tensor Rows, IReadOnlyList<Tensor> Features);

/// <summary>
/// The modules of PixelLM under the names of its checkpoints; CLIP's weights lie under
/// <c>model.vision_tower.vision_tower.vision_model</c> (the published files leave them out: they are loaded from CLIP's
/// own).
/// </summary>
public sealed class PixelLmNetwork
{
    private readonly Projector _textProjector;
    private readonly Projector _maskProjector;
    private readonly FeatureNeck _neck;
    private readonly int[] _states;

    /// <summary>A network whose weights come from the store's source.</summary>
    public PixelLmNetwork(WeightStore weights, PixelLmConfig config)
    {
        Config = config.Validate();
        WeightScope root = weights.Root;
        WeightScope model = root["model"];
        (int hidden, int vision) = (config.TextConfig.HiddenSize, config.VisionConfig.HiddenSize);
        _states = config.VisionStates();
        Text = new Llama(root, config.TextConfig);
        Vision = new ClipVision(model["vision_tower"]["vision_tower"]["vision_model"], config.VisionConfig,
            _states.Max(), config.InputSize);
        _textProjector = Projector.TwoLayer(model["mm_projector"], vision, 2 * hidden, hidden);
        _maskProjector = Projector.TwoLayer(model["out_mm_projector"], vision, 2 * hidden, hidden);
        _neck = new FeatureNeck(model["image_feature_neck"], hidden, config.DecoderDim);
        Queries = new SpanQueryHead(model["text_hidden_fcs"][0], hidden, config.DecoderDim);
        Prompts = new SamPromptEncoder(model["prompt_encoder"], PromptSizes(config));
        Masks = new PixelLmMaskDecoder(model["mask_decoder"], config.DecoderDim, config.DecoderHeads,
            config.DecoderMlpDim);
    }

    /// <summary>The sizes.</summary>
    public PixelLmConfig Config { get; }

    /// <summary>The language model.</summary>
    public Llama Text { get; }

    /// <summary>CLIP with the resized position table.</summary>
    public ClipVision Vision { get; }

    /// <summary>Hidden states to mask prompts.</summary>
    public SpanQueryHead Queries { get; }

    /// <summary>Positions and the dense prompt of "no mask".</summary>
    public SamPromptEncoder Prompts { get; }

    /// <summary>The pixel decoder.</summary>
    public PixelLmMaskDecoder Masks { get; }

    /// <summary>
    /// Encodes a picture. Shapes: pixels [1, 3, inputSize, inputSize], keyValid [1, 1 + grid * grid] (1 where the patch
    /// shows the picture).
    /// </summary>
    public PixelLmPicture Encode(IBackend backend, Tensor pixels, Tensor keyValid)
    {
        using var scope = new TensorScope();
        int patches = Config.Grid * Config.Grid;
        Tensor[] levels = [.. Vision.Forward(backend, pixels, _states, keyValid)
            .Select(state => backend.Slice(state, 1, 1, patches))];

        // [1, 32*32, C] -> [1, C, 32, 32] -> [1, C, 16, 16] -> [256, C]
        Tensor pooled = backend.Resize(ToGrid(backend, levels[0]), Config.TextGrid, Config.TextGrid,
            ResizeMode.Bilinear);
        int rows = Config.TextGrid * Config.TextGrid;
        pooled = backend.Permute(backend.Reshape(pooled, new Shape(pooled.Size(1), rows)), 1, 0);
        Tensor text = _textProjector.Forward(backend, pooled);
        var features = new List<Tensor>();
        foreach (Tensor level in levels)
        {
            features.Add(_neck.Forward(backend, ToGrid(backend, _maskProjector.Forward(backend, level))));
        }

        return new PixelLmPicture(scope.Keep(text), [.. features.Select(scope.Keep)]);
    }

    /// <summary>
    /// Low-resolution mask logits. Shapes: hidden [targets * 6, hidden] (states before each codebook token), result
    /// [targets, 1, 4 grid, 4 grid].
    /// </summary>
    public Tensor DecodeMasks(IBackend backend, IReadOnlyList<Tensor> features, Tensor hidden)
    {
        using var scope = new TensorScope();
        Tensor prompts = Queries.Forward(backend, hidden);
        prompts = backend.Reshape(prompts, new Shape(hidden.Size(0) / PixelLmConfig.TokensPerTarget,
            PixelLmMaskDecoder.LevelCount, PixelLmConfig.TokensPerLevel, Config.DecoderDim));
        return scope.Keep(Masks.Forward(backend, features, Prompts, prompts).Masks);
    }

    // PixelLM has no SAM image encoder; of SAM's sizes only the grid and the width are used.
    private static SamConfig PromptSizes(PixelLmConfig config) => new()
    {
        ImageSize = config.InputSize,
        PatchSize = config.VisionConfig.PatchSize,
        EmbedDim = 1,
        Depth = 1,
        NumHeads = 1,
        GlobalAttnIndexes = [],
        OutChans = config.DecoderDim,
        DecoderHeads = config.DecoderHeads,
    };

    // [1, grid*grid, C] -> [1, C, grid, grid]
    private Tensor ToGrid(IBackend backend, Tensor x) => backend.Reshape(backend.Permute(x, 0, 2, 1),
        new Shape(1, x.Size(2), Config.Grid, Config.Grid));
}
