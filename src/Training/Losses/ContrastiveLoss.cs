using PixSearch.Autodiff;
using PixSearch.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace PixSearch.Training.Losses;

/// <summary>
/// InfoNCE in both directions (CLIP): row i of one view must be nearest to row i of the other among all rows, by
/// <c>cosine / temperature</c>.
/// </summary>
public static class ContrastiveLoss
{
    /// <summary>The loss. Shapes: left and right [items, width], of any length; result [1].</summary>
    public static Tensor Apply(AutodiffBackend backend, Tensor left, Tensor right, float temperature)
    {
        int items = left.Size(0);
        Tensor a = Normalize(backend, left);
        Tensor b = Normalize(backend, right);
        Tensor scores = backend.Affine(backend.MatMul(a, b, transposeB: true), 1 / temperature);
        int[] diagonal = [.. Enumerable.Range(0, items)];
        float[] weights = new float[items];
        Array.Fill(weights, 1);
        Tensor forward = CrossEntropyLoss.Apply(backend, scores, diagonal, weights);
        Tensor backward = CrossEntropyLoss.Apply(backend, backend.Permute(scores, 1, 0), diagonal, weights);
        return backend.Affine(backend.Add(forward, backward), 0.5f);
    }

    /// <summary>Rows divided by their length. Shapes: x [rows, width], result the same.</summary>
    public static Tensor Normalize(AutodiffBackend backend, Tensor x)
    {
        int width = x.Size(1);
        return backend.Custom(nameof(Normalize), [x],
            (inner, sources) =>
            {
                Tensor y = inner.Affine(sources[0], 1);
                for (int row = 0; row < y.Size(0); row++)
                {
                    Span<float> values = y.Span.Slice(row * width, width);
                    float scale = 1 / Length(values);
                    foreach (ref float value in values)
                    {
                        value *= scale;
                    }
                }

                return y;
            },
            (inner, sources, result, dy) =>
            {
                // y = x / |x|: dx = (dy - y (y . dy)) / |x|
                Tensor gradient = inner.Affine(dy, 1);
                for (int row = 0; row < gradient.Size(0); row++)
                {
                    Span<float> g = gradient.Span.Slice(row * width, width);
                    ReadOnlySpan<float> y = result.Span.Slice(row * width, width);
                    float dot = TensorPrimitives.Dot(g, y);
                    float scale = 1 / Length(sources[0].Span.Slice(row * width, width));
                    for (int i = 0; i < width; i++)
                    {
                        g[i] = (g[i] - (y[i] * dot)) * scale;
                    }
                }

                return [gradient];
            });
    }

    // A vector of zeros has no direction; the floor keeps it at zero instead of NaN.
    private static float Length(ReadOnlySpan<float> x) =>
        MathF.Max(1e-12f, TensorPrimitives.Norm(x));
}
