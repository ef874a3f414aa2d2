using PixSearch.Abstractions;
using PixSearch.Imaging;

namespace PixSearch.Training.Loading;

/// <summary>How pixels become inputs: sizes and normalisation of both encoders. Means and deviations for values 0-255.</summary>
public sealed record InputSizes(int TextSide, float[] TextMean, float[] TextDeviation, int MaskSide, float[] MaskMean,
    float[] MaskDeviation);

/// <summary>Builds batches from prepared samples; safe to run on a thread of its own.</summary>
public sealed class BatchBuilder(InputSizes sizes, PictureStore store)
{
    /// <summary>A batch of these pictures, each with its samples.</summary>
    /// <param name="groups">Samples by picture.</param>
    /// <param name="taggerCutShare">Share of rows with a region search whose tagger sees the text up to it only.</param>
    /// <param name="random">Chooses the cuts.</param>
    public TrainingBatch Build(IReadOnlyList<IReadOnlyList<PreparedSample>> groups, float taggerCutShare,
        SeededRandom random)
    {
        PreparedSample[] rows = [.. groups.SelectMany(group => group)];
        int[] pictureOfRow = [.. groups.SelectMany((group, picture) => group.Select(_ => picture))];
        int tokensMax = rows.Max(row => row.Tokens.Length);
        int[] tokens = new int[rows.Length * tokensMax];
        int[] lengths = new int[rows.Length];
        for (int r = 0; r < rows.Length; r++)
        {
            rows[r].Tokens.CopyTo(tokens, r * tokensMax);
            int[] cuts = rows[r].Cuts;
            lengths[r] = cuts.Length > 0 && random.NextBool(taggerCutShare)
                ? cuts[random.NextInt(cuts.Length)]
                : rows[r].Tokens.Length;
        }

        int textPlane = sizes.TextSide * sizes.TextSide * 3;
        int maskPlane = sizes.MaskSide * sizes.MaskSide * 3;
        float[] textPixels = new float[groups.Count * textPlane];
        float[] maskPixels = new float[groups.Count * maskPlane];
        for (int p = 0; p < groups.Count; p++)
        {
            PictureInputs inputs = store.Picture(groups[p][0].Picture);
            Normalize(inputs.Text, sizes.TextSide, sizes.TextMean, sizes.TextDeviation,
                textPixels.AsSpan(p * textPlane, textPlane));
            Normalize(inputs.Masks, sizes.MaskSide, sizes.MaskMean, sizes.MaskDeviation,
                maskPixels.AsSpan(p * maskPlane, maskPlane));
        }

        return new TrainingBatch
        {
            TextPixels = textPixels,
            MaskPixels = maskPixels,
            PictureCount = groups.Count,
            Rows = rows,
            PictureOfRow = pictureOfRow,
            TaggerLengths = lengths,
            TokensMax = tokensMax,
            Tokens = tokens,
            MaskTargets = MaskTargets(rows),
        };
    }

    /// <summary>
    /// <c>(value - mean) / deviation</c>, HWC bytes to CHW floats, zeros right of and below the picture.
    /// </summary>
    /// <param name="image">At most side x side pixels.</param>
    /// <param name="side">Side of the square.</param>
    /// <param name="mean">For R, G and B.</param>
    /// <param name="deviation">For R, G and B.</param>
    /// <param name="destination">Shape: [3, side, side].</param>
    public static void Normalize(RgbImage image, int side, float[] mean, float[] deviation, Span<float> destination)
    {
        destination.Clear();
        int plane = side * side;
        for (int channel = 0; channel < 3; channel++)
        {
            float scale = 1 / deviation[channel];
            for (int y = 0; y < image.Height; y++)
            {
                ReadOnlySpan<byte> row = image.Row(y);
                Span<float> target = destination.Slice((channel * plane) + (y * side), image.Width);
                for (int x = 0; x < target.Length; x++)
                {
                    target[x] = (row[(3 * x) + channel] - mean[channel]) * scale;
                }
            }
        }
    }

    private float[] MaskTargets(PreparedSample[] rows)
    {
        var all = new List<float>();
        foreach (PreparedSample row in rows)
        {
            foreach (PreparedSpan span in row.Spans)
            {
                foreach (byte value in store.Mask(span.Mask))
                {
                    all.Add(value / 255f);
                }
            }
        }

        return [.. all];
    }
}
