using PixSearch.Imaging;
using PixSearch.Models.PixelSail;
using PixSearch.Models.Text;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// What both Pixel-SAIL variants share towards the engine: pictures are patches of the one transformer, and every
/// <c>[SEG]</c> owns a mask, from its own hidden state and those of the patches.
/// </summary>
public abstract class SailModel : DecoderModel, IVisualPromptModel
{
    private readonly MaskHead _head;
    private readonly int _segment;

    /// <summary>A model over weights that it takes over.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">The tokenizer does not fit the model.</exception>
    private protected SailModel(IBackend backend, WeightStore weights, string name, Llama decoder, MaskHead head,
        ITokenizer tokenizer, string[] ends, IEnumerable<string> needed)
        : base(backend, weights, name, decoder, tokenizer, ends, [.. needed, LisaModel.SegmentToken])
    {
        _head = head;
        _segment = tokenizer.IdOf(LisaModel.SegmentToken);
    }

    /// <inheritdoc/>
    public override ModelFamily Family => ModelFamily.PixelSail;

    /// <inheritdoc/>
    public override IImageEncoding EncodeImage(RgbImage picture) => EncodeImage(picture, []);

    /// <inheritdoc/>
    public abstract IImageEncoding EncodeImage(RgbImage picture, IReadOnlyList<VisualPrompt> prompts);

    /// <inheritdoc/>
    public override IReadOnlyList<Grounding> Ground(ReadOnlySpan<int> slots, Tensor hidden) =>
        SegmentTokens.Find(slots, hidden, _segment);

    internal override Tensor RowsOf(IImageEncoding image) => Own<PatchEncoding>(image).Rows;

    private protected override Tensor MaskLogits(IImageEncoding image, IReadOnlyList<Grounding> groundings,
        Tensor hidden)
    {
        PatchEncoding own = Own<PatchEncoding>(image);
        Tensor features = _head.Upsample(Backend, PatchStates(own, hidden), own.GridHeight, own.GridWidth);
        int[] at = [.. groundings.Select(grounding => grounding.Start)];
        Tensor masks = _head.Masks(Backend, features, Backend.Gather(hidden, at));
        masks = Backend.Reshape(masks, new Shape(1, at.Length, masks.Size(1), masks.Size(2)));
        masks = Backend.Resize(masks, own.Height, own.Width, ResizeMode.Bilinear);
        return Backend.Reshape(masks, new Shape(at.Length, own.Height, own.Width));
    }

    /// <summary>
    /// The patches among the hidden states of a sequence. Shape: [gridHeight * gridWidth, hidden].
    /// </summary>
    private protected abstract Tensor PatchStates(PatchEncoding image, Tensor hidden);
}
