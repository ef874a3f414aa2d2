using PixSearch.Imaging;
using PixSearch.Models.PixelSail;
using PixSearch.Models.Preprocessing;
using PixSearch.Models.Text;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// Pixel-SAIL on SOLO as the engine uses it: <c>&lt;vision&gt;</c>, patches, <c>&lt;/vision&gt;</c> see each other;
/// every
/// <c>[SEG]</c> owns a mask, from its own hidden state and those of the patches.
/// </summary>
public sealed class PixelSailModel : IVisualPromptModel
{
    private const string VisionStart = "<vision>";
    private const string VisionEnd = "</vision>";
    private const string PatchToken = "<vpatch>";
    private const string End = "<|endoftext|>";
    private const string TurnEnd = "<|im_end|>";

    // The picture is the first thing in the sequence: <vision> is slot 0.
    private const int FirstPatch = 1;

    private readonly WeightStore _weights;
    private readonly SequenceStepper _stepper;
    private readonly HashSet<int> _ends;
    private readonly int _segment;

    /// <summary>A model over weights that it takes over.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">The tokenizer does not fit the model.</exception>
    public PixelSailModel(IBackend backend, WeightStore weights, PixelSailNetwork network, ITokenizer tokenizer)
    {
        (Backend, _weights, Network, Tokenizer) = (backend, weights, network, tokenizer);
        _stepper = new SequenceStepper(backend, network.Text, RowsOf, Place);
        TokenCheck.Require(tokenizer, network.Config.TextConfig.VocabSize,
            [VisionStart, VisionEnd, PatchToken, End, "<|im_start|>", TurnEnd, LisaModel.SegmentToken]);
        _ends = [tokenizer.IdOf(End), tokenizer.IdOf(TurnEnd)];
        _segment = tokenizer.IdOf(LisaModel.SegmentToken);
    }

    /// <summary>
    /// Tokens that the authors' code adds to the base model's, in this order; the last is never used.
    /// </summary>
    public static IReadOnlyList<string> AddedTokens { get; } =
    [
        LisaModel.SegmentToken, "<p>", "</p>",
        .. Enumerable.Range(0, VisualPrompt.IndexMax + 1).Select(i => $"<Prompt{i}>"), "<NO_Prompt>",
    ];

    /// <summary>The answer that the paper puts in the model's mouth when it gave no <c>[SEG]</c>.</summary>
    public const string ForcedAnswer = "It is [SEG].";

    /// <inheritdoc/>
    public ModelFamily Family => ModelFamily.PixelSail;

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
    public PixelSailNetwork Network { get; }

    /// <inheritdoc/>
    public KvStore CreateKvStore(int pageCount, int pageSize) =>
        Network.Text.CreateKvStore(Backend, pageCount, pageSize);

    /// <inheritdoc/>
    public ModelPrompt BuildPrompt(string question, RgbImage? picture)
    {
        string safe = PromptText.Defuse(Tokenizer, question.Trim(), VisualPrompt.IsToken);
        int[] text = Tokenizer.Encode($"<|im_start|>user\n{safe}{TurnEnd}\n");
        if (picture is null)
        {
            return new ModelPrompt(text);
        }

        (int width, int height) = GridOf(picture);
        var slots = new List<int> { Tokenizer.IdOf(VisionStart) };
        slots.AddRange(Enumerable.Range(0, width * height).Select(patch => ~patch));
        slots.Add(Tokenizer.IdOf(VisionEnd));
        int end = slots.Count;
        slots.AddRange(text);
        return new ModelPrompt([.. slots], 0, end);
    }

    /// <inheritdoc/>
    public IImageEncoding EncodeImage(RgbImage picture) => EncodeImage(picture, []);

    /// <inheritdoc/>
    public IImageEncoding EncodeImage(RgbImage picture, IReadOnlyList<VisualPrompt> prompts)
    {
        using var scope = new TensorScope();
        PixelSailConfig config = Network.Config;
        PreparedPicture prepared = PicturePreprocessor.Patches(picture, config.PatchSize, config.LongestSide);
        (int gridHeight, int gridWidth) = (prepared.Height / config.PatchSize, prepared.Width / config.PatchSize);
        int[] tokens = VisualPrompt.TokensOf(prompts, gridHeight, gridWidth, config.PatchSize, Tokenizer,
            config.TextConfig.VocabSize);
        Tensor patches = Backend.From(Flatten(prepared, config.PatchSize),
            new Shape(tokens.Length, 3 * config.PatchSize * config.PatchSize));
        Tensor rows = Network.EmbedPatches(Backend, patches, Tokenizer.IdOf(PatchToken), tokens);
        return new Encoding(TensorScope.Detach(rows), gridHeight, gridWidth, picture);
    }

    /// <inheritdoc/>
    public StepOutput Step(IReadOnlyList<StepSequence> sequences, KvStore store) => _stepper.Step(sequences, store);

    /// <inheritdoc/>
    public IReadOnlyList<Grounding> Ground(ReadOnlySpan<int> slots, Tensor hidden) =>
        SegmentTokens.Find(slots, hidden, _segment);

    /// <inheritdoc/>
    public Tensor DecodeMasks(IImageEncoding image, IReadOnlyList<Grounding> groundings, Tensor hidden)
    {
        Encoding own = Own(image);
        if (groundings.Count == 0)
        {
            return Backend.Zeros(new Shape(0, own.Height, own.Width));
        }

        using var scope = new TensorScope();
        Tensor patches = Backend.Slice(hidden, 0, FirstPatch, own.SlotCount);
        Tensor features = Network.Head.Upsample(Backend, patches, own.GridHeight, own.GridWidth);
        int[] at = [.. groundings.Select(grounding => grounding.Start)];
        Tensor masks = Network.Head.Masks(Backend, features, Backend.Gather(hidden, at));
        masks = Backend.Reshape(masks, new Shape(1, at.Length, masks.Size(1), masks.Size(2)));
        masks = Backend.Resize(masks, own.Height, own.Width, ResizeMode.Bilinear);
        return scope.Keep(Backend.Reshape(masks, new Shape(at.Length, own.Height, own.Width)));
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    /// <summary>Embedded patches of an encoding. Shape: [patches, hidden].</summary>
    internal static Tensor RowsOf(IImageEncoding image) => Own(image).Rows;

    /// <summary>Patches row by row, each flattened as (colour, row, column). Shape: [patches, 3 * patch *
    /// patch].</summary>
    internal static float[] Flatten(PreparedPicture picture, int patch)
    {
        (int height, int width) = (picture.Height, picture.Width);
        (int rows, int columns) = (height / patch, width / patch);
        float[] flat = new float[3 * height * width];
        ReadOnlySpan<float> numbers = picture.Numbers;
        int at = 0;
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                for (int line = 0; line < 3 * patch; line++)
                {
                    int colour = line / patch;
                    int y = (row * patch) + (line % patch);
                    numbers.Slice((((colour * height) + y) * width) + (column * patch), patch).CopyTo(flat.AsSpan(at));
                    at += patch;
                }
            }
        }

        return flat;
    }

    private static void Place(StepSequence sequence, StepPositions positions)
    {
        Encoding? image = sequence.Image is null ? null : Own(sequence.Image);
        MropePositions.Add(sequence.Start, sequence.Count, FirstPatch, image?.GridHeight ?? 0, image?.GridWidth ?? 0,
            positions.Rows, positions.Columns);
    }

    private (int Width, int Height) GridOf(RgbImage picture)
    {
        int patch = Network.Config.PatchSize;
        (int width, int height) = PicturePreprocessor.PatchSize(picture.Width, picture.Height, patch,
            Network.Config.LongestSide);
        return (width / patch, height / patch);
    }

    private static Encoding Own(IImageEncoding image) => image as Encoding
        ?? throw new ArgumentException($"An encoding of type {image.GetType().Name} is of another model.");

    private sealed class Encoding(Tensor rows, int gridHeight, int gridWidth, RgbImage picture) : IImageEncoding
    {
        public Tensor Rows { get; } = rows;

        public int GridHeight { get; } = gridHeight;

        public int GridWidth { get; } = gridWidth;

        public int SlotCount => Rows.Size(0);

        public int Height { get; } = picture.Height;

        public int Width { get; } = picture.Width;

        public void Dispose() => Rows.Dispose();
    }
}
