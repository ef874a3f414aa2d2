using PixSearch.Imaging.Masks;

namespace PixSearch.Evaluation;

/// <summary>Pixels that a mask and its reference share, and pixels that one of them has.</summary>
public readonly record struct MaskOverlap(long Intersection, long Union)
{
    /// <summary>Value of a reference pixel that does not count.</summary>
    public const byte Ignore = 255;

    /// <summary>I/U; 1 when both are empty.</summary>
    public double Iou => Union == 0 ? 1 : (double)Intersection / Union;

    /// <summary>Overlap of two masks of one size.</summary>
    public static MaskOverlap Of(BinaryMask prediction, BinaryMask reference)
    {
        if (prediction.Width != reference.Width || prediction.Height != reference.Height)
        {
            throw new ArgumentException(
                $"Masks of {prediction.Width}x{prediction.Height} and {reference.Width}x{reference.Height} "
                + "cannot be compared.");
        }

        return Of(prediction.Bits, reference.Bits);
    }

    /// <summary>Overlap of two rows of pixels. Prediction: 0 or 1; reference: 0, 1 or <see cref="Ignore"/>.</summary>
    public static MaskOverlap Of(ReadOnlySpan<byte> prediction, ReadOnlySpan<byte> reference)
    {
        if (prediction.Length != reference.Length)
        {
            throw new ArgumentException(
                $"Masks of {prediction.Length} and {reference.Length} pixels cannot be compared.");
        }

        long intersection = 0;
        long union = 0;
        for (int i = 0; i < prediction.Length; i++)
        {
            if (reference[i] != Ignore)
            {
                intersection += prediction[i] & reference[i];
                union += prediction[i] | reference[i];
            }
        }

        return new MaskOverlap(intersection, union);
    }
}

/// <summary>
/// gIoU, cIoU and mIoU as LISA, GLaMM, PixelLM, PLUM and Sa2VA compute them (systems.md §5.3), small constants
/// included: published numbers can be compared to the last digit.
/// </summary>
public static class SegmentationScores
{
    /// <summary><c>mean_i (U_i == 0 ? 1 : I_i / (U_i + 1e-5))</c>; NaN for nothing.</summary>
    public static double GeneralizedIou(IReadOnlyList<MaskOverlap> overlaps)
    {
        double sum = 0;
        foreach (MaskOverlap one in overlaps)
        {
            sum += one.Union == 0 ? 1 : one.Intersection / (one.Union + 1e-5);
        }

        return overlaps.Count == 0 ? double.NaN : sum / overlaps.Count;
    }

    /// <summary><c>sum I / (sum U + 1e-10)</c>; 0 when all unions are empty.</summary>
    public static double CumulativeIou(IReadOnlyList<MaskOverlap> overlaps) =>
        overlaps.Count == 0 ? double.NaN
        : overlaps.Sum(one => one.Intersection) / (overlaps.Sum(one => one.Union) + 1e-10);

    /// <summary>
    /// Mean over classes of I/U accumulated over the set (ADE20K, COCO-Stuff). Classes without any pixel do not count.
    /// </summary>
    public static double MeanIou(IEnumerable<(string Class, MaskOverlap Overlap)> overlaps)
    {
        var sums = new SortedDictionary<string, MaskOverlap>(StringComparer.Ordinal);
        foreach ((string name, MaskOverlap overlap) in overlaps)
        {
            MaskOverlap sum = sums.GetValueOrDefault(name);
            sums[name] = new MaskOverlap(sum.Intersection + overlap.Intersection, sum.Union + overlap.Union);
        }

        return sums.Values.Where(one => one.Union > 0).Select(one => one.Iou).DefaultIfEmpty(double.NaN).Average();
    }
}
