using PixSearch.Imaging;
using PixSearch.Models.PixelLm;
using PixSearch.Models.Preprocessing;
using PixSearch.Models.Sam;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// PixelLM as the engine uses it: six codebook tokens <c>[SEG0] .. [SEG5]</c> a mask. The authors hide the padding of a
/// picture from the language model as keys; here its slots are left out and the positions of the others kept, which is
/// the same.
/// </summary>
public sealed class PixelLmModel : DecoderModel
{
    private static readonly string[] s_segments =
        [.. Enumerable.Range(0, PixelLmConfig.TokensPerTarget).Select(i => $"[SEG{i}]")];

    private readonly HashSet<int> _segments;

    /// <summary>A model over weights that it takes over.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">The tokenizer does not fit the model.</exception>
    public PixelLmModel(IBackend backend, WeightStore weights, PixelLmNetwork network, ITokenizer tokenizer)
        : base(backend, weights, network.Config.Name, network.Text, tokenizer, [PixSearchPrompt.End],
            [.. PixSearchPrompt.Needed, .. s_segments])
    {
        Network = network;
        _segments = [.. s_segments.Select(tokenizer.IdOf)];
    }

    /// <inheritdoc/>
    public override ModelFamily Family => ModelFamily.PixelLm;

    /// <summary>The modules.</summary>
    public PixelLmNetwork Network { get; }

    /// <inheritdoc/>
    public override ModelPrompt BuildPrompt(string question, RgbImage? picture)
    {
        int[] rows = [];
        if (picture is not null)
        {
            (int width, int height) = PicturePreprocessor.LongestSide(picture.Width, picture.Height,
                Network.Config.InputSize);
            bool[] valid = ValidCells(Network.Config, height, width, Network.Config.TextGrid);
            rows = [.. Enumerable.Range(0, valid.Length).Where(cell => valid[cell])];
        }

        return new ModelPrompt(PixSearchPrompt.Build(Tokenizer, question, rows, PixSearchPrompt.LlavaSystem));
    }

    /// <inheritdoc/>
    public override IImageEncoding EncodeImage(RgbImage picture)
    {
        using var scope = new TensorScope();
        PixelLmConfig config = Network.Config;
        PreparedPicture prepared = PicturePreprocessor.SamPadded(picture, config.InputSize);
        bool[] valid = ValidCells(config, prepared.ValidHeight, prepared.ValidWidth, config.Grid);
        float[] keys = [1, .. valid.Select(cell => cell ? 1f : 0f)]; // CLS is always seen
        PixelLmPicture encoded = Network.Encode(Backend, prepared.ToTensor(Backend),
            Backend.From(keys, new Shape(1, keys.Length)));
        int slots = ValidCells(config, prepared.ValidHeight, prepared.ValidWidth, config.TextGrid).Count(cell => cell);
        return new Encoding(TensorScope.Detach(encoded.Rows), [.. encoded.Features.Select(TensorScope.Detach)], slots,
            prepared, picture);
    }

    /// <summary>
    /// Groups of six codebook tokens, in the order of the text. As in the authors' code their ids are not checked, and
    /// a number of tokens that is no multiple of six gives no masks at all.
    /// </summary>
    public override IReadOnlyList<Grounding> Ground(ReadOnlySpan<int> slots, Tensor hidden)
    {
        var at = new List<int>();
        for (int i = 1; i < slots.Length; i++)
        {
            if (_segments.Contains(slots[i]) && i - 1 < hidden.Size(0))
            {
                at.Add(i);
            }
        }

        return at.Count % PixelLmConfig.TokensPerTarget != 0
            ? []
            : [.. at.Chunk(PixelLmConfig.TokensPerTarget).Select(six => new Grounding(six[0], six[^1] + 1, six))];
    }

    internal override Tensor RowsOf(IImageEncoding image) => Own<Encoding>(image).Rows;

    private protected override Tensor MaskLogits(IImageEncoding image, IReadOnlyList<Grounding> groundings,
        Tensor hidden)
    {
        Encoding own = Own<Encoding>(image);
        int[] before = [.. groundings.SelectMany(TokensOf).Select(slot => slot - 1)];
        Tensor masks = Network.DecodeMasks(Backend, own.Features, Backend.Gather(hidden, before));
        masks = SamPostprocess.ToOriginal(Backend, masks, Network.Config.InputSize, own.ValidHeight, own.ValidWidth,
            own.Height, own.Width);
        return Backend.Reshape(masks, new Shape(groundings.Count, own.Height, own.Width));
    }

    /// <summary>
    /// Which cells of a grid show the picture: PyTorch's "nearest" of the valid pixels to the grid of patches, and of
    /// that to a coarser grid.
    /// </summary>
    internal static bool[] ValidCells(PixelLmConfig config, int validHeight, int validWidth, int grid)
    {
        bool[] valid = new bool[grid * grid];
        for (int cell = 0; cell < valid.Length; cell++)
        {
            valid[cell] = PixelOf(config, cell / grid, grid) < validHeight &&
                PixelOf(config, cell % grid, grid) < validWidth;
        }

        return valid;
    }

    private static int PixelOf(PixelLmConfig config, int index, int grid) =>
        index * config.Grid / grid * config.InputSize / config.Grid;

    private static IReadOnlyList<int> TokensOf(Grounding grounding)
    {
        IReadOnlyList<int> tokens =
            grounding.Tokens ?? [.. Enumerable.Range(grounding.Start, grounding.End - grounding.Start)];
        return tokens.Count == PixelLmConfig.TokensPerTarget
            ? tokens
            : throw new ArgumentException($"A target has {PixelLmConfig.TokensPerTarget} tokens, not {tokens.Count}.");
    }

    // Slots of the picture stand where they would in the full grid; what follows it as if none had been left out.
    internal override void Place(StepSequence sequence, StepPositions positions)
    {
        ReadOnlySpan<int> prompt = sequence.Prompt.Slots;
        int first = prompt.IndexOfAnyInRange(int.MinValue, -1);
        int count = 0;
        foreach (int slot in prompt)
        {
            count += slot < 0 ? 1 : 0;
        }

        int skipped = first < 0 ? 0 : (Network.Config.TextGrid * Network.Config.TextGrid) - count;
        for (int i = sequence.Start; i < sequence.Start + sequence.Count; i++)
        {
            positions.Rows.Add(first < 0 || i < first ? i
                : i < first + count ? first + ~prompt[i]
                : i + skipped);
        }
    }

    private sealed class Encoding(Tensor rows, Tensor[] features, int slots, PreparedPicture prepared, RgbImage picture)
        : IImageEncoding
    {
        public Tensor Rows { get; } = rows;

        public Tensor[] Features { get; } = features;

        public int ValidHeight { get; } = prepared.ValidHeight;

        public int ValidWidth { get; } = prepared.ValidWidth;

        public int SlotCount { get; } = slots;

        public int Height { get; } = picture.Height;

        public int Width { get; } = picture.Width;

        public void Dispose()
        {
            Rows.Dispose();
            foreach (Tensor level in Features)
            {
                level.Dispose();
            }
        }
    }
}
