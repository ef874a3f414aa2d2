using PixSearch.Autodiff;
using PixSearch.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace PixSearch.Training.Losses;

/// <summary>
/// Weighted cross-entropy over classes: <c>-(1 / sum w_i) sum w_i log softmax(logits_i)[target_i]</c>. With weights 1
/// and 0 it is the language-model loss with information-token masking (PixSearch §3.3), with class weights PLUM's loss
/// of the span tagger.
/// </summary>
public static class CrossEntropyLoss
{
    // log(float's smallest normal number): what a probability that underflowed counts as.
    private const float LogProbabilityMin = -87f;

    /// <summary>The loss. Needs a backend with host memory.</summary>
    /// <param name="backend">Records the operation.</param>
    /// <param name="logits">Shape: [rows, classes].</param>
    /// <param name="targets">A class for each row; ignored where the weight is 0.</param>
    /// <param name="weights">A weight of at least 0 for each row; their sum must be positive.</param>
    /// <returns>Shape: [1].</returns>
    /// <exception cref="ArgumentException">Lengths differ, a target is out of range, or no row has weight.</exception>
    public static Tensor Apply(AutodiffBackend backend, Tensor logits, int[] targets, float[] weights)
    {
        int classes = logits.Size(-1);
        double total = Check(logits, targets, weights, classes);
        return backend.Custom("CrossEntropy", [logits],
            (inner, sources) => inner.From([Forward(sources[0], targets, weights, classes, total)], new Shape(1)),
            (inner, sources, _, dy) => [Backward(inner, sources[0], targets, weights, classes, dy.Span[0] / total)]);
    }

    private static double Check(Tensor logits, int[] targets, float[] weights, int classes)
    {
        if (logits.Rank != 2 || targets.Length != logits.Size(0) || weights.Length != targets.Length)
        {
            throw new ArgumentException($"CrossEntropy: logits {logits.Shape} need one target and one weight a row; "
                + $"{targets.Length} and {weights.Length} were given.");
        }

        double total = 0;
        for (int i = 0; i < targets.Length; i++)
        {
            if (weights[i] != 0 && (uint)targets[i] >= (uint)classes)
            {
                throw new ArgumentException(
                    $"CrossEntropy: target {targets[i]} of row {i} is not below {classes} classes.");
            }

            total += weights[i];
        }

        return total > 0 ? total : throw new ArgumentException("CrossEntropy: no row has weight.");
    }

    private static float Forward(Tensor logits, int[] targets, float[] weights, int classes, double total)
    {
        double sum = 0;
        float[] scratch = new float[classes];
        for (int row = 0; row < targets.Length; row++)
        {
            if (weights[row] != 0)
            {
                ReadOnlySpan<float> x = logits.Span.Slice(row * classes, classes);
                float max = TensorPrimitives.Max(x);
                TensorPrimitives.Subtract(x, max, scratch);
                TensorPrimitives.Exp(scratch, scratch);
                float logProbability = x[targets[row]] - max - MathF.Log(TensorPrimitives.Sum(scratch));
                sum -= weights[row] * (double)Math.Max(logProbability, LogProbabilityMin);
            }
        }

        return (float)(sum / total);
    }

    // d/dlogits = w (softmax - onehot) / sum w
    private static Tensor Backward(IGradientBackend inner, Tensor logits, int[] targets, float[] weights, int classes,
        double scale)
    {
        Tensor gradient = inner.Softmax(logits);
        for (int row = 0; row < targets.Length; row++)
        {
            Span<float> g = gradient.Span.Slice(row * classes, classes);
            if (weights[row] == 0)
            {
                g.Clear();
                continue;
            }

            g[targets[row]] -= 1;
            TensorPrimitives.Multiply(g, (float)(weights[row] * scale), g);
        }

        return gradient;
    }
}
