using PixSearch.Tensors;

namespace PixSearch.Models.Tasks;

/// <summary>
/// A greedy answer of a model by itself, without engine, search or sampling: what <c>px segment</c> and <c>px
/// describe</c> need.
/// </summary>
public sealed class GreedyAnswer : IDisposable
{
    private const int PageSize = 32;

    private GreedyAnswer(int[] slots, int promptLength, Tensor hidden)
    {
        (Slots, PromptLength, Hidden) = (slots, promptLength, hidden);
    }

    /// <summary>Prompt and answer, without the end token.</summary>
    public int[] Slots { get; }

    /// <summary>Slots of the prompt.</summary>
    public int PromptLength { get; }

    /// <summary>Hidden states; the last slot's is missing when the answer was cut. Shape: [slots, hidden].</summary>
    public Tensor Hidden { get; }

    /// <summary>The answer's tokens.</summary>
    public ReadOnlySpan<int> Answer => Slots.AsSpan(PromptLength);

    /// <summary>Decodes an answer.</summary>
    /// <param name="model">Any family.</param>
    /// <param name="prompt">From <see cref="ISegmentingModel.BuildPrompt"/>.</param>
    /// <param name="image">The picture; null for none.</param>
    /// <param name="tokensMax">Most tokens to write.</param>
    /// <param name="begin">Tokens that the answer is made to begin with.</param>
    /// <param name="stops">Tokens that end the answer besides the model's own.</param>
    /// <param name="cancellation">Checked at every token.</param>
    public static GreedyAnswer Decode(ISegmentingModel model, ModelPrompt prompt, IImageEncoding? image, int tokensMax,
        ReadOnlySpan<int> begin = default, IReadOnlySet<int>? stops = null, CancellationToken cancellation = default)
    {
        var slots = new List<int>([.. prompt.Slots, .. begin]);
        int length = Math.Min(model.ContextLength, slots.Count + tokensMax);
        if (slots.Count > length)
        {
            throw new Abstractions.PixException(Abstractions.PixErrorKind.InvalidArgument,
                $"The prompt takes {slots.Count} positions; {model.Name} has {model.ContextLength}. Ask less.");
        }

        int[] pages = [.. Enumerable.Range(0, (length + PageSize - 1) / PageSize)];
        using KvStore store = model.CreateKvStore(pages.Length, PageSize);
        using var scope = new TensorScope();
        var states = new List<Tensor>();
        int done = 0;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            int next = Step(model, new StepSequence(slots.ToArray(), done, slots.Count - done, pages, image, prompt),
                store,
                states);
            done = slots.Count;
            if (slots.Count == length || model.EndTokens.Contains(next) || stops?.Contains(next) == true)
            {
                break;
            }

            slots.Add(next);
        }

        Tensor hidden = states.Count == 1 ? states[0] : model.Backend.Concat(0, [.. states]);
        return new GreedyAnswer([.. slots], prompt.Slots.Length, TensorScope.Detach(hidden));
    }

    /// <summary>The text of a range of slots; a picture's slots have none.</summary>
    public string TextOf(ITokenizer tokenizer, int start, int end) =>
        tokenizer.Decode([.. Slots[start..end].Where(slot => slot >= 0)]);

    /// <inheritdoc/>
    public void Dispose() => Hidden.Dispose();

    private static int Step(ISegmentingModel model, StepSequence sequence, KvStore store, List<Tensor> states)
    {
        using var scope = new TensorScope();
        StepOutput output = model.Step([sequence], store);
        states.Add(scope.Keep(output.Hidden));
        return model.Backend.ArgMax(output.Logits)[0];
    }
}
