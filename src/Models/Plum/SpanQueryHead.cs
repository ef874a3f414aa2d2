using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Plum;

/// <summary>
/// <c>text_hidden_fcs.0</c>: <c>z = Linear(ReLU(Linear(h)))</c> from the language model's hidden states to SAM prompts.
/// PLUM takes the mean of z over a span, LISA and GLaMM z at one position, PixelLM z at six.
/// </summary>
public sealed class SpanQueryHead
{
    private readonly Mlp _layers;

    /// <summary>A head under the names <c>0</c> and <c>2</c>.</summary>
    public SpanQueryHead(WeightScope weights, int hiddenSize, int promptSize) =>
        _layers = new Mlp(weights, [hiddenSize, hiddenSize, promptSize], nameStep: 2);

    /// <summary>z of each row. Shapes: hidden [..., hidden], result [..., prompt].</summary>
    public Tensor Forward(IBackend backend, Tensor hidden) => _layers.Forward(backend, hidden);

    /// <summary>
    /// Mean of z over each span. Only the spans' rows are computed. Shapes: hidden [rows, hidden], result [spans,
    /// prompt].
    /// </summary>
    /// <param name="backend">Where it is computed.</param>
    /// <param name="hidden">Hidden states after the final norm; several sequences may lie one after the other.</param>
    /// <param name="spans">Half-open ranges of rows, none empty.</param>
    public Tensor ForwardSpans(IBackend backend, Tensor hidden, IReadOnlyList<Grounding> spans)
    {
        using var scope = new TensorScope();
        int total = spans.Sum(span => span.End - span.Start);
        int[] rows = new int[total];
        float[] shares = new float[spans.Count * total];
        int at = 0;
        for (int s = 0; s < spans.Count; s++)
        {
            (int start, int end) = (spans[s].Start, spans[s].End);
            if (start < 0 || end <= start || end > hidden.Size(0))
            {
                throw new ArgumentException($"Span [{start}, {end}) is not a range of {hidden.Size(0)} hidden states.");
            }

            for (int i = start; i < end; i++, at++)
            {
                rows[at] = i;
                shares[(s * total) + at] = 1f / (end - start);
            }
        }

        Tensor z = Forward(backend, backend.Gather(hidden, rows));
        return scope.Keep(backend.MatMul(backend.From(shares, new Shape(spans.Count, total)), z));
    }
}
