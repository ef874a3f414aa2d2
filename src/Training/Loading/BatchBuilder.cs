using PixSearch.Abstractions;

namespace PixSearch.Training.Loading;

/// <summary>Builds batches from prepared samples; safe to run on a thread of its own.</summary>
/// <param name="store">Encoder 0 is the language model's, encoder 1 SAM's.</param>
public sealed class BatchBuilder(PictureStore store)
{
    private const int TextEncoder = 0;
    private const int MaskEncoder = 1;

    /// <summary>A batch of these pictures, each with its samples.</summary>
    /// <param name="groups">Samples by picture.</param>
    /// <param name="taggerCutShare">Share of rows with a region search whose tagger sees the text up to it only.</param>
    /// <param name="random">Chooses the cuts.</param>
    public TrainingBatch Build(IReadOnlyList<IReadOnlyList<PreparedSample>> groups, float taggerCutShare,
        SeededRandom random)
    {
        PreparedSample[] rows = [.. groups.SelectMany(group => group)];
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

        string[] pictures = [.. groups.Select(group => group[0].Picture)];
        return new TrainingBatch
        {
            TextPixels = Pixels(pictures, TextEncoder),
            MaskPixels = Pixels(pictures, MaskEncoder),
            PictureCount = groups.Count,
            Rows = rows,
            PictureOfRow = [.. groups.SelectMany((group, picture) => group.Select(_ => picture))],
            TaggerLengths = lengths,
            TokensMax = tokensMax,
            Tokens = tokens,
            MaskTargets = MaskTargets(rows),
        };
    }

    private float[] Pixels(string[] pictures, int encoder)
    {
        int size = store.SizeOf(encoder, pictures[0]);
        float[] pixels = new float[pictures.Length * size];
        for (int p = 0; p < pictures.Length; p++)
        {
            store.Write(encoder, pictures[p], pixels.AsSpan(p * size, size));
        }

        return pixels;
    }

    private float[] MaskTargets(PreparedSample[] rows)
    {
        var all = new List<float>();
        foreach (PreparedSpan span in rows.SelectMany(row => row.Spans))
        {
            foreach (byte value in store.Mask(span.Mask))
            {
                all.Add(value / 255f);
            }
        }

        return [.. all];
    }
}
