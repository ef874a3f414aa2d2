using PixSearch.Abstractions;
using PixSearch.Models.Sam;

namespace PixSearch.Training.Loading;

/// <summary>A point inside a thing, or the box around it, as SAM is asked with.</summary>
/// <param name="Picture">Which picture of the batch.</param>
/// <param name="Point">Null for a box.</param>
/// <param name="Box">Null for a point.</param>
public readonly record struct PromptRow(int Picture, SamPoint? Point, SamBox? Box);

/// <summary>Points and boxes drawn from masks, with the inexactness of a hand (SAM, arXiv 2304.02643, appendix A).
/// </summary>
internal static class PromptMaker
{
    private const double BoxShare = 0.4;
    private const byte Inside = 160;

    // Of the box's side, at most this many pixels of SAM's input.
    private const double BoxNoise = 0.1;
    private const double BoxNoiseMax = 20;

    /// <summary>A prompt for a mask.</summary>
    /// <param name="picture">Which picture of the batch.</param>
    /// <param name="coverage">The mask. Shape: [side, side], in 255ths.</param>
    /// <param name="side">Side of the mask.</param>
    /// <param name="imageSize">Side of SAM's input, in whose pixels the prompt is.</param>
    /// <param name="random">Chooses.</param>
    public static PromptRow Make(int picture, ReadOnlySpan<byte> coverage, int side, int imageSize,
        SeededRandom random)
    {
        double cell = (double)imageSize / side;
        return random.NextBool(BoxShare)
            ? new PromptRow(picture, null, MakeBox(coverage, side, cell, random))
            : new PromptRow(picture, MakePoint(coverage, side, cell, random), null);
    }

    private static SamPoint MakePoint(ReadOnlySpan<byte> coverage, int side, double cell, SeededRandom random)
    {
        var inside = new List<int>();
        int best = 0;
        for (int i = 0; i < coverage.Length; i++)
        {
            best = coverage[i] > coverage[best] ? i : best;
            if (coverage[i] >= Inside)
            {
                inside.Add(i);
            }
        }

        int at = inside.Count > 0 ? inside[random.NextInt(inside.Count)] : best;
        return new SamPoint((float)((at % side + random.NextDouble()) * cell),
            (float)((at / side + random.NextDouble()) * cell), true);
    }

    private static SamBox MakeBox(ReadOnlySpan<byte> coverage, int side, double cell, SeededRandom random)
    {
        (int left, int top, int right, int bottom) = (side, side, 0, 0);
        for (int i = 0; i < coverage.Length; i++)
        {
            if (coverage[i] > 127)
            {
                left = Math.Min(left, i % side);
                right = Math.Max(right, i % side + 1);
                top = Math.Min(top, i / side);
                bottom = Math.Max(bottom, i / side + 1);
            }
        }

        if (right == 0)
        {
            (left, top, right, bottom) = (0, 0, side, side);
        }

        double noiseX = Math.Min(BoxNoiseMax, (right - left) * cell * BoxNoise);
        double noiseY = Math.Min(BoxNoiseMax, (bottom - top) * cell * BoxNoise);
        float Shift(int edge, double noise) => (float)((edge * cell) + (random.NextDouble(-1, 1) * noise));
        return new SamBox(Shift(left, noiseX), Shift(top, noiseY), Shift(right, noiseX), Shift(bottom, noiseY));
    }
}
