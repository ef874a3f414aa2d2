using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Models.Plum;
using PixSearch.Models.Preprocessing;
using PixSearch.Models.Sam;
using PixSearch.Models.Vision;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>PixSearch (arXiv 2601.19060) and PLUM as the engine uses them.</summary>
public sealed class PixSearchModel : ISegmentingModel
{
    private readonly WeightStore _weights;
    private readonly HashSet<int> _ends;

    /// <summary>A model over weights that it takes over.</summary>
    /// <exception cref="PixException">The tokenizer lacks a token of the prompt, or has more ids than the model.</exception>
    public PixSearchModel(IBackend backend, WeightStore weights, PixSearchNetwork network, ITokenizer tokenizer)
    {
        (Backend, _weights, Network, Tokenizer) = (backend, weights, network, tokenizer);
        foreach (string token in (string[])[PixSearchPrompt.Begin, PixSearchPrompt.End, "<im_start>", "<im_end>"])
        {
            if (tokenizer.IdOf(token) < 0)
            {
                throw new PixException(PixErrorKind.BrokenArtifact,
                    $"The tokenizer has no token '{token}', which the prompt of {Family} needs.");
            }
        }

        if (tokenizer.VocabularySize > network.Config.TextConfig.VocabSize)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"The tokenizer has {tokenizer.VocabularySize} ids, " +
                $"the model only vocab_size = {network.Config.TextConfig.VocabSize}.");
        }

        _ends = [tokenizer.IdOf(PixSearchPrompt.End)];
    }

    /// <inheritdoc/>
    public ModelFamily Family => ModelFamily.PixSearch;

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

    /// <summary>The modules, for training and for tests.</summary>
    public PixSearchNetwork Network { get; }

    /// <summary>The weights by name.</summary>
    public WeightStore Weights => _weights;

    /// <inheritdoc/>
    public KvStore CreateKvStore(int pageCount, int pageSize) =>
        Network.Text.CreateKvStore(Backend, pageCount, pageSize);

    /// <inheritdoc/>
    public ModelPrompt BuildPrompt(string question, RgbImage? picture) =>
        new(PixSearchPrompt.Build(Tokenizer, question, picture is null ? 0 : Network.PictureSlots));

    /// <summary>The picture as the vision transformer reads it.</summary>
    public PreparedPicture PrepareForText(RgbImage picture) => PrepareForText(Network.Config, picture);

    /// <summary>The picture as the vision transformer of a configuration reads it.</summary>
    public static PreparedPicture PrepareForText(PixSearchConfig config, RgbImage picture) =>
        config.ImageAspectRatio == "pad"
            ? PicturePreprocessor.ClipPadded(picture, config.VisionConfig.ImageSize)
            : PicturePreprocessor.ClipCropped(picture, config.VisionConfig.ImageSize);

    /// <summary>The picture as SAM of a configuration reads it.</summary>
    public static PreparedPicture PrepareForMasks(PixSearchConfig config, RgbImage picture) =>
        PicturePreprocessor.SamPadded(picture, config.SamConfig.ImageSize);

    /// <inheritdoc/>
    public IImageEncoding EncodeImage(RgbImage picture)
    {
        using var scope = new TensorScope();
        Tensor rows = Network.EncodeForText(Backend, PrepareForText(picture).ToTensor(Backend));
        rows = Backend.Reshape(rows, new Shape(rows.Size(1), rows.Size(2)));
        PreparedPicture prepared = PrepareForMasks(Network.Config, picture);
        Tensor features = Network.EncodeForMasks(Backend, prepared.ToTensor(Backend));
        return new SamImageEncoding(TensorScope.Detach(rows), TensorScope.Detach(features), prepared, picture);
    }

    /// <inheritdoc/>
    public StepOutput Step(IReadOnlyList<StepSequence> sequences, KvStore store) =>
        SequenceStepper.Step(Backend, Network.Text, sequences, store, image => Own(image).Rows);

    /// <inheritdoc/>
    public IReadOnlyList<Grounding> Ground(ReadOnlySpan<int> slots, Tensor hidden)
    {
        if (hidden.Size(0) == 0)
        {
            return [];
        }

        using var scope = new TensorScope();
        Tensor batched = Backend.Reshape(hidden, new Shape(1, hidden.Size(0), hidden.Size(1)));
        return SpanRule.Spans(Backend.ArgMax(Network.Tagger.Forward(Backend, batched)));
    }

    /// <inheritdoc/>
    public Tensor DecodeMasks(IImageEncoding image, IReadOnlyList<Grounding> groundings, Tensor hidden)
    {
        SamImageEncoding own = Own(image);
        if (groundings.Count == 0)
        {
            return Backend.Zeros(new Shape(0, own.Height, own.Width));
        }

        using var scope = new TensorScope();
        Tensor queries = Network.Queries.ForwardSpans(Backend, hidden, groundings);
        MaskRow[] rows = new MaskRow[groundings.Count]; // one picture, one answer
        Tensor masks = Network.Feedback.Decode(Backend, own.Features, queries, rows);
        return scope.Keep(own.ToOriginal(Backend, masks, Network.Config.SamConfig.ImageSize));
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    private static SamImageEncoding Own(IImageEncoding image) => image as SamImageEncoding
        ?? throw new ArgumentException($"An encoding of type {image.GetType().Name} is of another model.");
}
