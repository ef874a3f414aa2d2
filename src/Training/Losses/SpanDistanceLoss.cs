using PixSearch.Autodiff;
using PixSearch.Tensors;

namespace PixSearch.Training.Losses;

/// <summary>
/// KL divergence of span states to those of a frozen start, as Gaussians of equal width (systems.md §1.3):
/// <c>0.5 / sigma^2 * mean((h - t)^2)</c>, mean over spans and elements, as in PLUM's code.
/// </summary>
public static class SpanDistanceLoss
{
    /// <summary>The loss. Shapes: states [spans, width], start the same (a constant), result [1].</summary>
    public static Tensor Apply(AutodiffBackend backend, Tensor states, Tensor start, float sigma = 1)
    {
        Tensor difference = backend.Subtract(states, backend.Detach(start));
        Tensor squares = backend.Reshape(backend.Multiply(difference, difference), new Shape(states.Count));
        return backend.Reshape(backend.Affine(backend.Mean(squares, 0), 0.5f / (sigma * sigma)), new Shape(1));
    }
}
