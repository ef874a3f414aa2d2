using PixSearch.Imaging.Masks;
using PixSearch.Models.Sam;
using PixSearch.Tensors;

namespace PixSearch.Models.Plum;

/// <summary>
/// A second pass over masks that language found: SAM is asked again, with a point in the middle of each mask. A small
/// model learns where a thing is before it learns its outline, while SAM knows outlines from its own training (cf. the
/// cascaded refinement of PerSAM, arXiv 2305.03048). The second mask is taken when it agrees with the first.
/// </summary>
public static class MaskRefinement
{
    // Intersection over union of the two; below it the point has met something else, or only a part.
    private const double AgreementMin = 0.5;

    /// <summary>Masks after the second pass. Shapes: features [1, C, grid, grid], masks and result [n, 4 grid,
    /// 4 grid].</summary>
    public static Tensor Refine(IBackend backend, PixSearchNetwork network, Tensor features, Tensor masks)
    {
        using var scope = new TensorScope();
        (int count, int side) = (masks.Size(0), masks.Size(2));
        float cell = (float)network.Config.SamConfig.ImageSize / side;
        float[] first = Read(backend, masks);
        var sparse = new Tensor[count];
        for (int mask = 0; mask < count; mask++)
        {
            SamPoint middle = Middle(first.AsSpan(mask * side * side, side * side), side, cell);
            sparse[mask] = network.Prompts.EncodePoints(backend, [middle], []);
        }

        Tensor second = network.Masks.Forward(backend, features, new int[count],
            network.Prompts.DensePositions(backend), backend.Concat(0, sparse), network.Prompts.NoMask(backend)).Masks;
        float[] refined = Read(backend, second);
        for (int mask = 0; mask < count; mask++)
        {
            Span<float> old = first.AsSpan(mask * side * side, side * side);
            ReadOnlySpan<float> better = refined.AsSpan(mask * side * side, side * side);
            if (BinaryMask.Iou(Mask(old, side), Mask(better, side)) >= AgreementMin)
            {
                better.CopyTo(old);
            }
        }

        return scope.Keep(backend.From(first, masks.Shape));
    }

    /// <summary>The cell inside the mask that is nearest to its centre of gravity, in pixels of SAM's input; the
    /// highest score when nothing is inside.</summary>
    /// <param name="scores">Mask logits. Shape: [side, side].</param>
    /// <param name="side">Cells along a side.</param>
    /// <param name="cell">Pixels of SAM's input along a cell.</param>
    internal static SamPoint Middle(ReadOnlySpan<float> scores, int side, float cell)
    {
        (double x, double y, int inside, int highest) = (0, 0, 0, 0);
        for (int i = 0; i < scores.Length; i++)
        {
            highest = scores[i] > scores[highest] ? i : highest;
            if (scores[i] > 0)
            {
                (x, y, inside) = (x + (i % side), y + (i / side), inside + 1);
            }
        }

        int best = highest;
        double distance = double.MaxValue;
        for (int i = 0; i < scores.Length && inside > 0; i++)
        {
            (double dx, double dy) = ((i % side) - (x / inside), (i / side) - (y / inside));
            if (scores[i] > 0 && (dx * dx) + (dy * dy) < distance)
            {
                (best, distance) = (i, (dx * dx) + (dy * dy));
            }
        }

        return new SamPoint(((best % side) + 0.5f) * cell, ((best / side) + 0.5f) * cell, true);
    }

    private static float[] Read(IBackend backend, Tensor tensor)
    {
        float[] numbers = new float[tensor.Count];
        backend.Read(tensor, numbers);
        return numbers;
    }

    private static BinaryMask Mask(ReadOnlySpan<float> logits, int side) =>
        BinaryMask.FromScores(logits, side, side, 0);
}
