using PixSearch.Imaging;
using PixSearch.Models.Llava;
using PixSearch.Models.Preprocessing;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// LLaVA as the engine uses it: what the segmenting families are built on. It answers, and owns no masks.
/// </summary>
public sealed class LlavaModel : ISegmentingModel
{
    private readonly WeightStore _weights;
    private readonly SequenceStepper _stepper;
    private readonly HashSet<int> _ends;

    /// <summary>A model over weights that it takes over.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">The tokenizer does not fit the model.</exception>
    public LlavaModel(IBackend backend, WeightStore weights, LlavaNetwork network, ITokenizer tokenizer)
    {
        (Backend, _weights, Network, Tokenizer) = (backend, weights, network, tokenizer);
        _stepper = new SequenceStepper(backend, network.Text, image => Own(image).Rows);
        string[] marks = network.Config.MmUseImStartEnd ? ["<im_start>", "<im_end>"] : [];
        TokenCheck.Require(tokenizer, network.Config.TextConfig.VocabSize,
            [PixSearchPrompt.Begin, PixSearchPrompt.End, .. marks]);
        _ends = [tokenizer.IdOf(PixSearchPrompt.End)];
    }

    /// <inheritdoc/>
    public ModelFamily Family => ModelFamily.Llava;

    /// <inheritdoc/>
    public string Name => Network.Config.Name;

    /// <inheritdoc/>
    public IBackend Backend { get; }

    /// <inheritdoc/>
    public ITokenizer Tokenizer { get; }

    /// <inheritdoc/>
    public int ContextLength => Network.Config.TextConfig.MaxPositionEmbeddings;

    /// <inheritdoc/>
    public int HiddenSize => Network.Config.TextConfig.HiddenSize;

    /// <inheritdoc/>
    public IReadOnlySet<int> EndTokens => _ends;

    /// <summary>The modules.</summary>
    public LlavaNetwork Network { get; }

    /// <inheritdoc/>
    public KvStore CreateKvStore(int pageCount, int pageSize) =>
        Network.Text.CreateKvStore(Backend, pageCount, pageSize);

    /// <inheritdoc/>
    public ModelPrompt BuildPrompt(string question, RgbImage? picture)
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
    public IImageEncoding EncodeImage(RgbImage picture)
    {
        using var scope = new TensorScope();
        int side = Network.Config.VisionConfig.ImageSize;
        PreparedPicture prepared = Network.Config.ImageAspectRatio == "pad"
            ? PicturePreprocessor.ClipPadded(picture, side)
            : PicturePreprocessor.ClipCropped(picture, side);
        return new Encoding(TensorScope.Detach(Network.Encode(Backend, prepared.ToTensor(Backend))), picture);
    }

    /// <inheritdoc/>
    public StepOutput Step(IReadOnlyList<StepSequence> sequences, KvStore store) =>
        _stepper.Step(sequences, store);

    /// <inheritdoc/>
    public IReadOnlyList<Grounding> Ground(ReadOnlySpan<int> slots, Tensor hidden) => [];

    /// <inheritdoc/>
    public Tensor DecodeMasks(IImageEncoding image, IReadOnlyList<Grounding> groundings, Tensor hidden) =>
        groundings.Count == 0
            ? Backend.Zeros(new Shape(0, image.Height, image.Width))
            : throw new ArgumentException("LLaVA owns no masks.", nameof(groundings));

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    private static Encoding Own(IImageEncoding image) => image as Encoding
        ?? throw new ArgumentException($"An encoding of type {image.GetType().Name} is of another model.");

    private sealed class Encoding(Tensor rows, RgbImage picture) : IImageEncoding
    {
        public Tensor Rows { get; } = rows;

        public int SlotCount => Rows.Size(0);

        public int Height { get; } = picture.Height;

        public int Width { get; } = picture.Width;

        public void Dispose() => Rows.Dispose();
    }
}
