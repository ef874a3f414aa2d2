using PixSearch.Imaging;
using PixSearch.Models.PixelSail;
using PixSearch.Models.Preprocessing;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// Pixel-SAIL on SOLO as the engine uses it: <c>&lt;vision&gt;</c>, patches, <c>&lt;/vision&gt;</c> see each other, and
/// a patch's position is its row and column.
/// </summary>
public sealed class PixelSailModel : SailModel
{
    private const string VisionStart = "<vision>";
    private const string VisionEnd = "</vision>";
    private const string PatchToken = "<vpatch>";
    private const string End = "<|endoftext|>";
    private const string TurnEnd = "<|im_end|>";

    // The picture is the first thing in the sequence: <vision> is slot 0.
    private const int FirstPatch = 1;

    /// <summary>A model over weights that it takes over.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">The tokenizer does not fit the model.</exception>
    public PixelSailModel(IBackend backend, WeightStore weights, PixelSailNetwork network, ITokenizer tokenizer)
        : base(backend, weights, network.Config.Name, network.Text, network.Head, tokenizer, [End, TurnEnd],
            [VisionStart, VisionEnd, PatchToken, "<|im_start|>"]) => Network = network;

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

    /// <summary>The modules.</summary>
    public PixelSailNetwork Network { get; }

    /// <inheritdoc/>
    public override ModelPrompt BuildPrompt(string question, RgbImage? picture)
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
    public override IImageEncoding EncodeImage(RgbImage picture, IReadOnlyList<VisualPrompt> prompts)
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
        return new PatchEncoding(TensorScope.Detach(rows), gridHeight, gridWidth, picture);
    }

    internal override void Place(StepSequence sequence, StepPositions positions)
    {
        PatchEncoding? image = sequence.Image is null ? null : Own<PatchEncoding>(sequence.Image);
        MropePositions.Add(sequence.Start, sequence.Count, FirstPatch, image?.GridHeight ?? 0, image?.GridWidth ?? 0,
            positions.Rows, positions.Columns);
    }

    private protected override Tensor PatchStates(PatchEncoding image, Tensor hidden) =>
        Backend.Slice(hidden, 0, FirstPatch, image.SlotCount);

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

    private (int Width, int Height) GridOf(RgbImage picture)
    {
        int patch = Network.Config.PatchSize;
        (int width, int height) = PicturePreprocessor.PatchSize(picture.Width, picture.Height, patch,
            Network.Config.LongestSide);
        return (width / patch, height / patch);
    }
}
