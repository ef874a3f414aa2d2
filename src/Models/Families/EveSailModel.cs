using PixSearch.Imaging;
using PixSearch.Models.PixelSail;
using PixSearch.Models.Preprocessing;
using PixSearch.Models.Text;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// Pixel-SAIL 7B on EVEv2 as the engine uses it: <c>qwen_chat</c> template, causal attention, masks as Pixel-SAIL's
/// others.
/// </summary>
public sealed class EveSailModel : IVisualPromptModel
{
    private const string TurnStart = "<|im_start|>";
    private const string TurnEnd = "<|im_end|>";
    private const string TextEnd = "<|endoftext|>";

    private readonly WeightStore _weights;
    private readonly SequenceStepper _stepper;
    private readonly HashSet<int> _ends;
    private readonly int _segment;

    /// <summary>A model over weights that it takes over.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">The tokenizer does not fit the model.</exception>
    public EveSailModel(IBackend backend, WeightStore weights, EveSailNetwork network, ITokenizer tokenizer)
    {
        (Backend, _weights, Network, Tokenizer) = (backend, weights, network, tokenizer);
        _stepper = new SequenceStepper(backend, network.Text, image => Own(image).Rows, Place);
        TokenCheck.Require(tokenizer, network.Config.TextConfig.VocabSize,
            [TurnStart, TurnEnd, LisaModel.SegmentToken]);
        _ends = [tokenizer.IdOf(TurnEnd), .. tokenizer.IdOf(TextEnd) is >= 0 and int end ? [end] : Array.Empty<int>()];
        _segment = tokenizer.IdOf(LisaModel.SegmentToken);
    }

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
    public EveSailNetwork Network { get; }

    /// <summary>The weights by name.</summary>
    public WeightStore Weights => _weights;

    /// <inheritdoc/>
    public KvStore CreateKvStore(int pageCount, int pageSize) =>
        Network.Text.CreateKvStore(Backend, pageCount, pageSize);

    /// <inheritdoc/>
    public ModelPrompt BuildPrompt(string question, RgbImage? picture)
    {
        string safe = PromptText.Defuse(Tokenizer, question.Trim(), VisualPrompt.IsToken);
        string end = $"{safe}{TurnEnd}\n{TurnStart}assistant\n";
        if (picture is null)
        {
            return new ModelPrompt(Tokenizer.Encode($"{TurnStart}user\n{end}"));
        }

        (int width, int height) = GridOf(picture.Width, picture.Height, Network.Config.AreaSide);
        int[] rows = [.. Enumerable.Range(0, 1 + (height * (width + 1))).Select(row => ~row)];
        return new ModelPrompt([.. Tokenizer.Encode($"{TurnStart}user\n"), .. rows, .. Tokenizer.Encode($"\n{end}")]);
    }

    /// <inheritdoc/>
    public IImageEncoding EncodeImage(RgbImage picture) => EncodeImage(picture, []);

    /// <inheritdoc/>
    /// <remarks>Where regions meet, the smaller one stands: this variant's authors sort them by area.</remarks>
    public IImageEncoding EncodeImage(RgbImage picture, IReadOnlyList<VisualPrompt> prompts)
    {
        using var scope = new TensorScope();
        (int width, int height) = GridOf(picture.Width, picture.Height, Network.Config.AreaSide);
        RgbImage resized = Resizer.Resize(picture, width * EveSailConfig.Stride, height * EveSailConfig.Stride,
            Resampling.Bicubic);
        PreparedPicture prepared = PicturePreprocessor.Normalize(resized, PixelNormalization.Clip, resized.Height,
            resized.Width);
        int[] tokens = VisualPrompt.TokensOf([.. prompts.OrderByDescending(prompt => prompt.Area)], height, width,
            EveSailConfig.Stride, Tokenizer,
            Network.Config.TextConfig.VocabSize);
        Tensor rows = Network.EmbedPicture(Backend, prepared.ToTensor(Backend), tokens);
        return new Encoding(TensorScope.Detach(rows), height, width, picture);
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
        int first = Tokenizer.Encode($"{TurnStart}user\n").Length;
        Tensor rows = Backend.Slice(hidden, 0, first, own.SlotCount);
        Tensor patches = EveSailNetwork.PatchRows(Backend, rows, own.GridHeight, own.GridWidth);
        Tensor features = Network.Head.Upsample(Backend, patches, own.GridHeight, own.GridWidth);
        int[] at = [.. groundings.Select(grounding => grounding.Start)];
        Tensor masks = Network.Head.Masks(Backend, features, Backend.Gather(hidden, at));
        masks = Backend.Reshape(masks, new Shape(1, at.Length, masks.Size(1), masks.Size(2)));
        masks = Backend.Resize(masks, own.Height, own.Width, ResizeMode.Bilinear);
        return scope.Keep(Backend.Reshape(masks, new Shape(at.Length, own.Height, own.Width)));
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    /// <summary>
    /// Slots across and down: the shape of the picture, an area of about side², both sides rounded up to 32 pixels.
    /// </summary>
    internal static (int Width, int Height) GridOf(int width, int height, int areaSide)
    {
        // The order of the divisions is the authors': another one rounds other sizes up.
        double ratio = Math.Sqrt((double)width * height) / areaSide;
        int most = areaSide * 16 / EveSailConfig.Stride; // a line of pixels must not become thousands of slots
        return (Math.Clamp((int)Math.Ceiling(width / ratio / EveSailConfig.Stride), 1, most),
            Math.Clamp((int)Math.Ceiling(height / ratio / EveSailConfig.Stride), 1, most));
    }

    private static void Place(StepSequence sequence, StepPositions positions)
    {
        ReadOnlySpan<int> slots = sequence.Slots.Span;
        for (int i = sequence.Start; i < sequence.Start + sequence.Count; i++)
        {
            if (slots[i] < 0)
            {
                positions.PictureRows.Add(positions.Rows.Count);
            }

            positions.Rows.Add(i);
        }
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
