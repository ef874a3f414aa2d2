using PixSearch.Abstractions;
using PixSearch.Imaging.Masks;
using PixSearch.Training.Loading;

namespace PixSearch.Training.Retriever;

/// <summary>
/// A mask as a mask decoder gives it: known on a coarse grid, interpolated, cut at a threshold that is not quite right.
/// Crops by true masks alone would teach the encoder edges that no query has.
/// </summary>
internal static class RoughMask
{
    // The side of nano's low-resolution masks.
    private const int Grid = 64;
    private const double ThresholdMin = 0.3;
    private const double ThresholdMax = 0.75;

    // Outlines wander by about a cell, over several cells at a time: masks of IoU 0.75 to 0.95 for things of 40 pixels.
    private const int Knots = 9;
    private const double WanderMax = 1.6;

    /// <summary>The mask, roughly; as it is when nothing would be left. Same size.</summary>
    public static BinaryMask Make(BinaryMask mask, SeededRandom random)
    {
        float[] coverage = [.. PictureStore.Coverage(mask, Grid).Select(value => (float)value)];
        int frame = Math.Max(mask.Width, mask.Height);
        double scale = (double)Grid / frame;
        float threshold = (float)(255 * random.NextDouble(ThresholdMin, ThresholdMax));
        double wander = random.NextDouble(0, WanderMax);
        float[] right = Wander(wander, random);
        float[] down = Wander(wander, random);
        var rough = new BinaryMask(mask.Width, mask.Height);
        for (int y = 0; y < mask.Height; y++)
        {
            for (int x = 0; x < mask.Width; x++)
            {
                double column = (x + 0.5) * scale;
                double row = (y + 0.5) * scale;
                double knotX = column * (Knots - 1) / Grid;
                double knotY = row * (Knots - 1) / Grid;
                float score = Sample(coverage, Grid, column - 0.5 + Sample(right, Knots, knotX, knotY),
                    row - 0.5 + Sample(down, Knots, knotX, knotY));
                rough.Bits[(y * mask.Width) + x] = score > threshold ? (byte)1 : (byte)0;
            }
        }

        return rough.Area > 0 ? rough : mask;
    }

    private static float[] Wander(double deviation, SeededRandom random)
    {
        float[] knots = new float[Knots * Knots];
        foreach (ref float knot in knots.AsSpan())
        {
            knot = (float)random.NextDouble(-deviation, deviation);
        }

        return knots;
    }

    private static float Sample(float[] values, int side, double x, double y)
    {
        int left = Math.Clamp((int)Math.Floor(x), 0, side - 2);
        int top = Math.Clamp((int)Math.Floor(y), 0, side - 2);
        float fx = (float)Math.Clamp(x - left, 0, 1);
        float fy = (float)Math.Clamp(y - top, 0, 1);
        int at = (top * side) + left;
        float upper = values[at] + (fx * (values[at + 1] - values[at]));
        float lower = values[at + side] + (fx * (values[at + side + 1] - values[at + side]));
        return upper + (fy * (lower - upper));
    }
}
