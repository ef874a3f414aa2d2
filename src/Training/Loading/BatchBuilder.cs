using PixSearch.Abstractions;

namespace PixSearch.Training.Loading;

/// <summary>Builds batches from prepared samples; safe to run on a thread of its own.</summary>
/// <param name="store">Encoder 0 is the language model's, encoder 1 SAM's.</param>
public sealed class BatchBuilder(PictureStore store)
{
    private const int TextEncoder = 0;
    private const int MaskEncoder = 1;

    // Samples with evidence are five times longer than those without; four chunks leave little padding and large
    // products.
    private const int ChunksMax = 4;
    private const int ChunkRowsMin = 4;

    /// <summary>A batch of these pictures, each with its samples.</summary>
    /// <param name="groups">Samples by picture.</param>
    /// <param name="taggerCutShare">Share of rows with a region search whose tagger sees the text up to it
    /// only.</param>
    /// <param name="random">Chooses the cuts.</param>
    /// <param name="texts">Texts without pictures.</param>
    public TrainingBatch Build(IReadOnlyList<IReadOnlyList<PreparedSample>> groups, float taggerCutShare,
        SeededRandom random, IReadOnlyList<TextRow>? texts = null)
    {
        (PreparedSample Sample, int Picture)[] inOrder =
            [.. groups.SelectMany((group, picture) => group.Select(sample => (sample, picture)))
                .OrderBy(row => row.sample.Tokens.Length)];
        PreparedSample[] rows = [.. inOrder.Select(row => row.Sample)];
        int[] lengths = new int[rows.Length];
        for (int r = 0; r < rows.Length; r++)
        {
            int[] cuts = rows[r].Cuts;
            lengths[r] = cuts.Length > 0 && random.NextBool(taggerCutShare)
                ? cuts[random.NextInt(cuts.Length)]
                : rows[r].Tokens.Length;
        }

        (RowChunk[] chunks, int[] tokens, int[] offsets) = Pad([.. rows.Select(row => row.Tokens)]);
        string[] pictures = [.. groups.Select(group => group[0].Picture)];
        return new TrainingBatch
        {
            TextPixels = Pixels(pictures, TextEncoder),
            MaskPixels = Pixels(pictures, MaskEncoder),
            PictureCount = groups.Count,
            Rows = rows,
            PictureOfRow = [.. inOrder.Select(row => row.Picture)],
            TaggerLengths = lengths,
            Chunks = chunks,
            Tokens = tokens,
            Offsets = offsets,
            MaskTargets = MaskTargets(rows),
            Text = texts is { Count: > 0 } ? MakeTexts(texts) : null,
        };
    }

    /// <summary>Lays out the tokens of rows that are sorted by length.</summary>
    public static (RowChunk[] Chunks, int[] Tokens, int[] Offsets) Pad(IReadOnlyList<int[]> rows)
    {
        int each = Math.Max(ChunkRowsMin, (rows.Count + ChunksMax - 1) / ChunksMax);
        var chunks = new List<RowChunk>();
        int[] offsets = new int[rows.Count];
        int size = 0;
        for (int start = 0; start < rows.Count; start += each)
        {
            int count = Math.Min(each, rows.Count - start);
            int longest = rows.Skip(start).Take(count).Max(row => row.Length);
            chunks.Add(new RowChunk(start, count, longest, size));
            for (int r = 0; r < count; r++, size += longest)
            {
                offsets[start + r] = size;
            }
        }

        int[] tokens = new int[size];
        for (int r = 0; r < rows.Count; r++)
        {
            rows[r].CopyTo(tokens, offsets[r]);
        }

        return ([.. chunks], tokens, offsets);
    }

    private float[] Pixels(string[] pictures, int encoder)
    {
        if (pictures.Length == 0)
        {
            return [];
        }

        int size = store.SizeOf(encoder, pictures[0]);
        float[] pixels = new float[pictures.Length * size];
        for (int p = 0; p < pictures.Length; p++)
        {
            store.Write(encoder, pictures[p], pixels.AsSpan(p * size, size));
        }

        return pixels;
    }

    private static TextBatch MakeTexts(IReadOnlyList<TextRow> texts)
    {
        TextRow[] rows = [.. texts.OrderBy(row => row.Tokens.Length)];
        (RowChunk[] chunks, int[] tokens, int[] offsets) = Pad([.. rows.Select(row => row.Tokens)]);
        return new TextBatch(rows, chunks, tokens, offsets);
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
