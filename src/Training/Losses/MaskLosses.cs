using PixSearch.Autodiff;
using PixSearch.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace PixSearch.Training.Losses;

/// <summary>
/// Losses of mask logits against soft or hard masks (systems.md §1.3). Shapes: logits and targets [masks, pixels],
/// targets in [0, 1]; results [1], means over masks. Need a backend with host memory.
/// </summary>
public static class MaskLosses
{
    /// <summary>PLUM's weight of missed pixels in the Tversky index; wrong pixels have the rest of 1.</summary>
    public const float MissWeight = 0.7f;

    /// <summary>Exponent of the focal form.</summary>
    public const float FocalExponent = 0.75f;

    private const float Epsilon = 1e-6f;

    // The focal form's slope is infinite at a perfect mask; below this error it is held.
    private const float ErrorMin = 1e-4f;

    /// <summary>
    /// Focal Tversky: with p = sigmoid(logit), <c>TI = (TP + e) / (TP + m FN + (1 - m) FP + e)</c>, loss <c>(1 -
    /// TI)^0.75</c>. A pixel of probability p raises TI when p > (1 - m) TI: PLUM's m of 0.7 cuts masks at about 0.25,
    /// half a pixel too wide; 0.5 cuts them where IoU does.
    /// </summary>
    public static Tensor FocalTversky(AutodiffBackend backend, Tensor logits, float[] targets,
        float missWeight = MissWeight)
    {
        Check(nameof(FocalTversky), logits, targets);
        return backend.Custom(nameof(FocalTversky), [logits],
            (inner, sources) =>
            {
                Tensor p = inner.Unary(sources[0], UnaryOp.Sigmoid);
                double sum = 0;
                for (int mask = 0; mask < p.Size(0); mask++)
                {
                    (float numerator, float denominator) = TverskyParts(Row(p, mask), Row(targets, p, mask),
                        missWeight);
                    sum += MathF.Pow(Math.Max(0, 1 - (numerator / denominator)), FocalExponent);
                }

                return inner.From([(float)(sum / p.Size(0))], new Shape(1));
            },
            (inner, sources, _, dy) => [FocalTverskyBackward(inner, sources[0], targets, missWeight, dy.Span[0])]);
    }

    /// <summary>Binary cross-entropy with logits: mean over pixels of <c>max(x, 0) - x g + log(1 +
    /// exp(-|x|))</c>.</summary>
    public static Tensor BinaryCrossEntropy(AutodiffBackend backend, Tensor logits, float[] targets)
    {
        Check(nameof(BinaryCrossEntropy), logits, targets);
        return backend.Custom(nameof(BinaryCrossEntropy), [logits],
            (inner, sources) =>
            {
                ReadOnlySpan<float> x = sources[0].Span;
                float[] term = new float[x.Length];
                TensorPrimitives.Abs(x, term);
                TensorPrimitives.Negate(term, term);
                TensorPrimitives.Exp(term, term);
                TensorPrimitives.Add(term, 1, term);
                TensorPrimitives.Log(term, term);
                double sum = 0;
                for (int i = 0; i < term.Length; i++)
                {
                    sum += Math.Max(x[i], 0) - (x[i] * targets[i]) + term[i];
                }

                return inner.From([(float)(sum / x.Length)], new Shape(1));
            },
            (inner, sources, _, dy) =>
            {
                Tensor gradient = inner.Unary(sources[0], UnaryOp.Sigmoid);
                Span<float> g = gradient.Span;
                TensorPrimitives.Subtract(g, targets, g);
                TensorPrimitives.Multiply(g, dy.Span[0] / g.Length, g);
                return [gradient];
            });
    }

    private static Tensor FocalTverskyBackward(IGradientBackend inner, Tensor logits, float[] targets,
        float missWeight, float dy)
    {
        Tensor gradient = inner.Unary(logits, UnaryOp.Sigmoid);
        int masks = gradient.Size(0);
        for (int mask = 0; mask < masks; mask++)
        {
            Span<float> p = Row(gradient, mask);
            ReadOnlySpan<float> target = Row(targets, gradient, mask);
            (float numerator, float denominator) = TverskyParts(p, target, missWeight);
            float error = Math.Max(ErrorMin, 1 - (numerator / denominator));
            float slope = -FocalExponent * MathF.Pow(error, FocalExponent - 1) * dy / masks;

            // With weights that sum to 1, d denominator / dp = 1 - m for every pixel, and d numerator / dp = g.
            float byTarget = slope / denominator;
            float byAll = -slope * (1 - missWeight) * numerator / (denominator * denominator);
            for (int i = 0; i < p.Length; i++)
            {
                p[i] = ((byTarget * target[i]) + byAll) * p[i] * (1 - p[i]);
            }
        }

        return gradient;
    }

    private static (float Numerator, float Denominator) TverskyParts(ReadOnlySpan<float> p, ReadOnlySpan<float> target,
        float missWeight)
    {
        float hit = TensorPrimitives.Dot(p, target);
        float missed = TensorPrimitives.Sum(target) - hit;
        float excess = TensorPrimitives.Sum(p) - hit;
        return (hit + Epsilon, hit + (missWeight * missed) + ((1 - missWeight) * excess) + Epsilon);
    }

    private static Span<float> Row(Tensor tensor, int mask) => tensor.Span.Slice(mask * tensor.Size(1), tensor.Size(1));

    private static ReadOnlySpan<float> Row(float[] targets, Tensor like, int mask) =>
        targets.AsSpan(mask * like.Size(1), like.Size(1));

    private static void Check(string loss, Tensor logits, float[] targets)
    {
        if (logits.Rank != 2 || logits.Count == 0 || targets.Length != logits.Count)
        {
            throw new ArgumentException($"{loss}: logits {logits.Shape} [masks, pixels] need as many target values; "
                + $"{targets.Length} were given.");
        }
    }
}
