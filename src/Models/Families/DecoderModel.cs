using PixSearch.Imaging;
using PixSearch.Models.Text;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// What the models of all families are to the engine alike: a language model over weights that they own, and a
/// tokenizer that fits it. The families differ in prompts, pictures and masks.
/// </summary>
public abstract class DecoderModel : ISegmentingModel
{
    private readonly HashSet<int> _ends;
    private readonly SequenceStepper _stepper;

    /// <summary>A model over weights that it takes over.</summary>
    /// <param name="backend">Where it computes.</param>
    /// <param name="weights">All weights.</param>
    /// <param name="name">Name for users.</param>
    /// <param name="decoder">The language model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="ends">Tokens that end an answer.</param>
    /// <param name="needed">Further tokens that the family's prompts and masks need.</param>
    /// <exception cref="PixSearch.Abstractions.PixException">The tokenizer does not fit the model.</exception>
    private protected DecoderModel(IBackend backend, WeightStore weights, string name, Llama decoder,
        ITokenizer tokenizer, string[] ends, IEnumerable<string> needed)
    {
        (Backend, Weights, Name, Decoder, Tokenizer) = (backend, weights, name, decoder, tokenizer);
        TokenCheck.Require(tokenizer, decoder.Config.VocabSize, [.. ends, .. needed]);
        _ends = [.. ends.Select(tokenizer.IdOf)];
        _stepper = new SequenceStepper(backend, decoder, RowsOf, Place);
    }

    /// <inheritdoc/>
    public abstract ModelFamily Family { get; }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public IBackend Backend { get; }

    /// <inheritdoc/>
    public ITokenizer Tokenizer { get; }

    /// <inheritdoc/>
    public int ContextLength => Decoder.Config.MaxPositionEmbeddings;

    /// <inheritdoc/>
    public int HiddenSize => Decoder.Config.HiddenSize;

    /// <inheritdoc/>
    public IReadOnlySet<int> EndTokens => _ends;

    /// <summary>The weights by name.</summary>
    public WeightStore Weights { get; }

    private protected Llama Decoder { get; }

    /// <inheritdoc/>
    public KvStore CreateKvStore(int pageCount, int pageSize, KvType type = KvType.F32) =>
        Decoder.CreateKvStore(Backend, pageCount, pageSize, type);

    /// <inheritdoc/>
    public abstract ModelPrompt BuildPrompt(string question, RgbImage? picture);

    /// <inheritdoc/>
    public abstract IImageEncoding EncodeImage(RgbImage picture);

    /// <inheritdoc/>
    public StepOutput Step(IReadOnlyList<StepSequence> sequences, KvStore store) => _stepper.Step(sequences, store);

    /// <inheritdoc/>
    public abstract IReadOnlyList<Grounding> Ground(ReadOnlySpan<int> slots, Tensor hidden);

    /// <inheritdoc/>
    public Tensor DecodeMasks(IImageEncoding image, IReadOnlyList<Grounding> groundings, Tensor hidden)
    {
        if (groundings.Count == 0)
        {
            return Backend.Zeros(new Shape(0, image.Height, image.Width));
        }

        using var scope = new TensorScope();
        return scope.Keep(MaskLogits(image, groundings, hidden));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Weights.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>
    /// Masks of at least one grounding, in a scope of the caller's. Shape of the result: [groundings, height, width].
    /// </summary>
    private protected abstract Tensor MaskLogits(IImageEncoding image, IReadOnlyList<Grounding> groundings,
        Tensor hidden);

    /// <summary>A picture's rows for the language model. Shape: [slots, hidden].</summary>
    internal abstract Tensor RowsOf(IImageEncoding image);

    /// <summary>
    /// Adds the positions of a sequence's rows: slot i stands at i, unless a family has it otherwise.
    /// </summary>
    internal virtual void Place(StepSequence sequence, StepPositions positions)
    {
        for (int i = sequence.Start; i < sequence.Start + sequence.Count; i++)
        {
            positions.Rows.Add(i);
        }
    }

    /// <summary>An encoding that this model made.</summary>
    private protected static TEncoding Own<TEncoding>(IImageEncoding image)
        where TEncoding : class, IImageEncoding => image as TEncoding
            ?? throw new ArgumentException($"An encoding of type {image.GetType().Name} is of another model.");
}
