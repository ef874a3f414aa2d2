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

    /// <summary>The mask, roughly; as it is when nothing would be left. Same size.</summary>
    public static BinaryMask Make(BinaryMask mask, SeededRandom random)
    {
        byte[] coverage = PictureStore.Coverage(mask, Grid);
        int frame = Math.Max(mask.Width, mask.Height);
        double scale = (double)Grid / frame;
        float threshold = (float)(255 * random.NextDouble(ThresholdMin, ThresholdMax));
        var rough = new BinaryMask(mask.Width, mask.Height);
        for (int y = 0; y < mask.Height; y++)
        {
            for (int x = 0; x < mask.Width; x++)
            {
                float score = Sample(coverage, ((x + 0.5) * scale) - 0.5, ((y + 0.5) * scale) - 0.5);
                rough.Bits[(y * mask.Width) + x] = score > threshold ? (byte)1 : (byte)0;
            }
        }

        return rough.Area > 0 ? rough : mask;
    }

    private static float Sample(byte[] coverage, double x, double y)
    {
        int left = Math.Clamp((int)Math.Floor(x), 0, Grid - 2);
        int top = Math.Clamp((int)Math.Floor(y), 0, Grid - 2);
        float fx = (float)Math.Clamp(x - left, 0, 1);
        float fy = (float)Math.Clamp(y - top, 0, 1);
        int at = (top * Grid) + left;
        float upper = coverage[at] + (fx * (coverage[at + 1] - coverage[at]));
        float lower = coverage[at + Grid] + (fx * (coverage[at + Grid + 1] - coverage[at + Grid]));
        return upper + (fy * (lower - upper));
    }
}
