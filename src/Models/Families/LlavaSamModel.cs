using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Models.Plum;
using PixSearch.Models.Preprocessing;
using PixSearch.Models.Sam;
using PixSearch.Models.Tasks;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>What PixSearch, LISA and GLaMM share towards the engine: LLaVA's pictures and prompt, SAM's
/// features.</summary>
public abstract class LlavaSamModel : DecoderModel, IPromptedModel
{
    private readonly LlavaSamNetwork _network;

    private protected LlavaSamModel(IBackend backend, WeightStore weights, LlavaSamNetwork network,
        ITokenizer tokenizer, params string[] needed)
        : base(backend, weights, network.Sizes.Name, network.Text, tokenizer, [PixSearchPrompt.End],
            [.. PixSearchPrompt.Needed, .. needed]) => _network = network;

    /// <summary>The picture as the vision transformer of a configuration reads it.</summary>
    public static PreparedPicture PrepareForText(LlavaSamConfig config, RgbImage picture) =>
        config.ImageAspectRatio == "pad"
            ? PicturePreprocessor.ClipPadded(picture, config.VisionConfig.ImageSize)
            : PicturePreprocessor.ClipCropped(picture, config.VisionConfig.ImageSize);

    /// <summary>The picture as SAM of a configuration reads it.</summary>
    public static PreparedPicture PrepareForMasks(LlavaSamConfig config, RgbImage picture) =>
        PicturePreprocessor.SamPadded(picture, config.SamConfig.ImageSize);

    /// <inheritdoc/>
    public override ModelPrompt BuildPrompt(string question, RgbImage? picture) => new(PixSearchPrompt.Build(
        Tokenizer, question, picture is null ? 0 : _network.PictureSlots, _network.Sizes.SystemPrompt,
        _network.Sizes.PictureTemplate));

    /// <inheritdoc/>
    public override IImageEncoding EncodeImage(RgbImage picture)
    {
        using var scope = new TensorScope();
        Tensor rows = _network.EncodeForText(Backend, PrepareForText(_network.Sizes, picture).ToTensor(Backend));
        rows = Backend.Reshape(rows, new Shape(rows.Size(1), rows.Size(2)));
        int side = _network.Sizes.SamConfig.ImageSize;
        return new SamImageEncoding(TensorScope.Detach(rows), PicturePreprocessor.SamResized(picture, side), picture,
            EncodeForMasks);
    }

    /// <summary>The model's SAM by itself, for points, boxes and masks; freed by the caller.</summary>
    public SamPredictor CreateSamPredictor(RgbImage picture) => new(Backend, _network.Sizes.SamConfig,
        _network.SamEncoder, _network.Prompts, _network.Masks, picture);

    /// <inheritdoc/>
    public IReadOnlyList<SegmentedTarget> SegmentPrompts(IImageEncoding image, IReadOnlyList<SamPrompt> prompts)
    {
        SamImageEncoding own = Own<SamImageEncoding>(image);
        var targets = new SegmentedTarget[prompts.Count];
        using var scope = new TensorScope();
        Tensor[] sparse = [.. prompts.Select(own.Scale)
            .Select(scaled => _network.Prompts.EncodePoints(Backend, scaled.Points, scaled.Boxes))];
        Tensor positions = _network.Prompts.DensePositions(Backend);
        Tensor dense = _network.Prompts.NoMask(Backend);
        foreach (int[] rows in Enumerable.Range(0, sparse.Length).GroupBy(i => sparse[i].Size(1))
            .Select(group => group.ToArray()))
        {
            Tensor tokens = rows.Length == 1 ? sparse[rows[0]]
                : Backend.Concat(0, [.. rows.Select(row => sparse[row])]);
            Tensor masks = _network.Masks.Forward(Backend, own.Features, new int[rows.Length], positions, tokens, dense)
                .Masks;

            // One at a time in original size: sixty-four masks of a large picture would take gigabytes.
            for (int i = 0; i < rows.Length; i++)
            {
                using var one = new TensorScope();
                Tensor low = Backend.Slice(masks, 0, i, 1);
                low = Backend.Reshape(low, new Shape(1, masks.Size(2), masks.Size(3)));
                Tensor logits = own.ToOriginal(Backend, low, _network.Sizes.SamConfig.ImageSize);
                targets[rows[i]] = SegmentedTarget.FromLogits(Backend, logits, [""])[0];
            }
        }

        return targets;
    }

    internal override Tensor RowsOf(IImageEncoding image) => Own<SamImageEncoding>(image).Rows;

    private protected override Tensor MaskLogits(IImageEncoding image, IReadOnlyList<Grounding> groundings,
        Tensor hidden)
    {
        SamImageEncoding own = Own<SamImageEncoding>(image);
        Tensor masks = DecodeLowResolution(own.Features, groundings, hidden);
        return own.ToOriginal(Backend, masks, _network.Sizes.SamConfig.ImageSize);
    }

    /// <summary>
    /// Mask logits at SAM's low resolution. Shapes: features [1, C, grid, grid], result [groundings, 4 grid, 4 grid].
    /// </summary>
    private protected abstract Tensor DecodeLowResolution(Tensor features, IReadOnlyList<Grounding> groundings,
        Tensor hidden);

    private Tensor EncodeForMasks(RgbImage resized)
    {
        int side = _network.Sizes.SamConfig.ImageSize;
        PreparedPicture prepared = PicturePreprocessor.Normalize(resized, PixelNormalization.Sam, side, side);
        return _network.EncodeForMasks(Backend, prepared.ToTensor(Backend));
    }
}
