using System.Runtime.CompilerServices;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Tensors;

namespace PixSearch.Models;

/// <summary>
/// A model whose every forward pass is real, but which writes a given text: a load whose answers have the same length
/// and the same searches whatever the weights know. The last tokens before each region search own a mask.
/// </summary>
public sealed class ScriptedModel : ISegmentingModel
{
    private const int PhraseTokens = 3;

    private readonly ISegmentingModel _inner;
    private readonly Func<string, string> _script;
    private readonly ConditionalWeakTable<ModelPrompt, int[]> _scripts = [];
    private readonly int _open;
    private readonly int _close;
    private readonly int _search;
    private readonly int _end;

    /// <summary>Wraps a model, which stays the caller's.</summary>
    /// <param name="inner">Computes.</param>
    /// <param name="script">The answer to a question, as the model would write it.</param>
    public ScriptedModel(ISegmentingModel inner, Func<string, string> script)
    {
        (_inner, _script) = (inner, script);
        _open = Id(SearchProtocol.InformationOpen);
        _close = Id(SearchProtocol.InformationClose);
        _search = Id(SearchProtocol.SearchOpen);
        _end = inner.EndTokens.First();

        int Id(string token)
        {
            int id = inner.Tokenizer.IdOf(token);
            return id >= 0 ? id : throw new PixException(PixErrorKind.InvalidArgument,
                $"The model's tokenizer has no token '{token}': the benchmark's scripted answers need it.");
        }
    }

    /// <inheritdoc/>
    public ModelFamily Family => _inner.Family;

    /// <inheritdoc/>
    public string Name => _inner.Name;

    /// <inheritdoc/>
    public IBackend Backend => _inner.Backend;

    /// <inheritdoc/>
    public ITokenizer Tokenizer => _inner.Tokenizer;

    /// <inheritdoc/>
    public int ContextLength => _inner.ContextLength;

    /// <inheritdoc/>
    public int HiddenSize => _inner.HiddenSize;

    /// <inheritdoc/>
    public IReadOnlySet<int> EndTokens => _inner.EndTokens;

    /// <inheritdoc/>
    public KvStore CreateKvStore(int pageCount, int pageSize, KvType type = KvType.F32) =>
        _inner.CreateKvStore(pageCount, pageSize, type);

    /// <inheritdoc/>
    public ModelPrompt BuildPrompt(string question, RgbImage? picture)
    {
        ModelPrompt prompt = _inner.BuildPrompt(question, picture);
        _scripts.Add(prompt, _inner.Tokenizer.Encode(_script(question)));
        return prompt;
    }

    /// <inheritdoc/>
    public IImageEncoding EncodeImage(RgbImage picture) => _inner.EncodeImage(picture);

    /// <inheritdoc/>
    public StepOutput Step(IReadOnlyList<StepSequence> sequences, KvStore store)
    {
        StepOutput output = _inner.Step(sequences, store);
        int width = output.Logits.Size(1);
        float[] logits = new float[output.Logits.Count];
        Backend.Read(output.Logits, logits);
        for (int i = 0; i < sequences.Count; i++)
        {
            logits[(i * width) + NextToken(sequences[i])] = 1e6f;
        }

        return output with { Logits = Backend.From(logits, output.Logits.Shape) };
    }

    /// <inheritdoc/>
    public IReadOnlyList<Grounding> Ground(ReadOnlySpan<int> slots, Tensor hidden)
    {
        _inner.Ground(slots, hidden);
        var spans = new List<Grounding>();
        for (int i = PhraseTokens; i < slots.Length; i++)
        {
            if (slots[i] == _search && slots[i - 1] != _close)
            {
                spans.Add(new Grounding(i - PhraseTokens, i));
            }
        }

        return spans;
    }

    /// <inheritdoc/>
    public Tensor DecodeMasks(IImageEncoding image, IReadOnlyList<Grounding> groundings, Tensor hidden) =>
        _inner.DecodeMasks(image, groundings, hidden);

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private int NextToken(in StepSequence sequence)
    {
        if (!_scripts.TryGetValue(sequence.Prompt, out int[]? script))
        {
            throw new InvalidOperationException("The prompt was not made by this model.");
        }

        int written = 0;
        bool evidence = false;
        foreach (int slot in sequence.Slots.Span[sequence.Prompt.Slots.Length..])
        {
            evidence |= slot == _open;
            written += evidence ? 0 : 1;
            evidence &= slot != _close;
        }

        return written < script.Length ? script[written] : _end;
    }
}
