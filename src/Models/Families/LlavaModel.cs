using PixSearch.Imaging;
using PixSearch.Models.Llava;
using PixSearch.Models.Preprocessing;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// LLaVA as the engine uses it: what the segmenting families are built on. It answers, and owns no masks.
/// </summary>
public sealed class LlavaModel : DecoderModel
{
    /// <summary>A model over weights that it takes over.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">The tokenizer does not fit the model.</exception>
    public LlavaModel(IBackend backend, WeightStore weights, LlavaNetwork network, ITokenizer tokenizer)
        : base(backend, weights, network.Config.Name, network.Text, tokenizer, [PixSearchPrompt.End],
            network.Config.MmUseImStartEnd ? PixSearchPrompt.Needed : [PixSearchPrompt.Begin]) => Network = network;

    /// <inheritdoc/>
    public override ModelFamily Family => ModelFamily.Llava;

    /// <summary>The modules.</summary>
    public LlavaNetwork Network { get; }

    /// <inheritdoc/>
    public override ModelPrompt BuildPrompt(string question, RgbImage? picture)
    {
        int slots = picture is null ? 0 : Network.PictureSlots;
        if (slots == 0 || Network.Config.MmUseImStartEnd)
        {
            return new ModelPrompt(PixSearchPrompt.Build(Tokenizer, question, slots, Network.Config.SystemPrompt));
        }

        string before = Network.Config.SystemPrompt.Length == 0 ? "" : $"{Network.Config.SystemPrompt} ";
        string safe = PromptText.Defuse(Tokenizer, question.Trim());
        return new ModelPrompt(
        [
            Tokenizer.IdOf(PixSearchPrompt.Begin),
            .. Tokenizer.Encode($"{before}USER: "),
            .. Enumerable.Range(0, slots).Select(row => ~row),
            .. Tokenizer.Encode($"\n{safe} ASSISTANT:"),
        ]);
    }

    /// <inheritdoc/>
    public override IImageEncoding EncodeImage(RgbImage picture)
    {
        using var scope = new TensorScope();
        int side = Network.Config.VisionConfig.ImageSize;
        PreparedPicture prepared = Network.Config.ImageAspectRatio == "pad"
            ? PicturePreprocessor.ClipPadded(picture, side)
            : PicturePreprocessor.ClipCropped(picture, side);
        return new Encoding(TensorScope.Detach(Network.Encode(Backend, prepared.ToTensor(Backend))), picture);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Grounding> Ground(ReadOnlySpan<int> slots, Tensor hidden) => [];

    internal override Tensor RowsOf(IImageEncoding image) => Own<Encoding>(image).Rows;

    private protected override Tensor MaskLogits(IImageEncoding image, IReadOnlyList<Grounding> groundings,
        Tensor hidden) => throw new ArgumentException("LLaVA owns no masks.", nameof(groundings));

    private sealed class Encoding(Tensor rows, RgbImage picture) : IImageEncoding
    {
        public Tensor Rows { get; } = rows;

        public int SlotCount => Rows.Size(0);

        public int Height { get; } = picture.Height;

        public int Width { get; } = picture.Width;

        public void Dispose() => Rows.Dispose();
    }
}
