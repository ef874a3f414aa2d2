using PixSearch.Abstractions;

namespace PixSearch.Training.Loading;

/// <summary>Builds batches from prepared samples; safe to run on a thread of its own.</summary>
/// <param name="store">Encoder 0 is the language model's, encoder 1 SAM's.</param>
/// <param name="maskSide">Side of the store's masks.</param>
/// <param name="samSize">Side of SAM's input in pixels.</param>
/// <param name="patchGrid">Patches along a side of the language model's encoder.</param>
public sealed class BatchBuilder(PictureStore store, int maskSide, int samSize, int patchGrid)
{
    private readonly PatchNamer _namer = new(store, maskSide, patchGrid);

    private const int TextEncoder = 0;
    private const int MaskEncoder = 1;

    // Samples with evidence are five times longer than those without; four chunks leave little padding and large
    // products.
    private const int ChunksMax = 4;
    private const int ChunkRowsMin = 4;

    /// <summary>A batch of these pictures, each with its samples.</summary>
    /// <param name="groups">Samples by picture.</param>
    /// <param name="parts">What is made of them.</param>
    /// <param name="random">Chooses cuts and prompts.</param>
    /// <param name="texts">Texts without pictures.</param>
    public TrainingBatch Build(IReadOnlyList<IReadOnlyList<PreparedSample>> groups, BatchParts parts,
        SeededRandom random, IReadOnlyList<TextRow>? texts = null)
    {
        (PreparedSample Sample, int Picture)[] inOrder = parts.Questions
            ? [.. groups.SelectMany((group, picture) => group.Select(sample => (sample, picture)))
                .OrderBy(row => row.sample.Tokens.Length)]
            : [];
        PreparedSample[] rows = [.. inOrder.Select(row => row.Sample)];
        int[] lengths = new int[rows.Length];
        for (int r = 0; r < rows.Length; r++)
        {
            int[] cuts = rows[r].Cuts;
            lengths[r] = cuts.Length > 0 && random.NextBool(parts.TaggerCutShare)
                ? cuts[random.NextInt(cuts.Length)]
                : rows[r].Tokens.Length;
        }

        (RowChunk[] chunks, int[] tokens, int[] offsets) = Pad([.. rows.Select(row => row.Tokens)]);
        (PromptRow[] prompts, RleMask[] prompted) = MakePrompts(groups, parts.Prompts, random);
        string[] pictures = [.. groups.Select(group => group[0].Picture)];
        return new TrainingBatch
        {
            TextPixels = Pixels(parts.Questions || parts.Names ? pictures : [], TextEncoder),
            MaskPixels = Pixels(parts.Masks ? pictures : [], MaskEncoder),
            PictureCount = groups.Count,
            Rows = rows,
            PictureOfRow = [.. inOrder.Select(row => row.Picture)],
            TaggerLengths = lengths,
            Chunks = chunks,
            Tokens = tokens,
            Offsets = offsets,
            MaskTargets = parts.Masks ? Targets(rows.SelectMany(row => row.Spans).Select(span => span.Mask)) : [],
            PatchNames = parts.Names ? [.. groups.SelectMany(group => _namer.Name(group[0].Things))] : [],
            Prompts = prompts,
            PromptTargets = Targets(prompted),
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

    private (PromptRow[] Prompts, RleMask[] Masks) MakePrompts(IReadOnlyList<IReadOnlyList<PreparedSample>> groups,
        int each, SeededRandom random)
    {
        var prompts = new List<PromptRow>();
        var masks = new List<RleMask>();
        for (int picture = 0; picture < groups.Count && each > 0; picture++)
        {
            RleMask[] things = [.. groups[picture][0].Things.Select(thing => thing.Mask)];
            random.Shuffle<RleMask>(things);
            for (int i = 0; i < each && things.Length > 0; i++)
            {
                RleMask mask = things[i % things.Length];
                masks.Add(mask);
                prompts.Add(PromptMaker.Make(picture, store.Mask(mask), maskSide, samSize, random));
            }
        }

        return ([.. prompts], [.. masks]);
    }

    private float[] Targets(IEnumerable<RleMask> masks)
    {
        var all = new List<float>();
        foreach (RleMask mask in masks)
        {
            foreach (byte value in store.Mask(mask))
            {
                all.Add(value / 255f);
            }
        }

        return [.. all];
    }
}

/// <summary>What a batch is made of.</summary>
/// <param name="Questions">Questions about the pictures.</param>
/// <param name="Masks">Masks of spans and prompts.</param>
/// <param name="Prompts">Point and box prompts a picture; things of a picture take turns.</param>
/// <param name="TaggerCutShare">Share of rows with a region search whose tagger sees the text up to it only.</param>
/// <param name="Names">Names of patches.</param>
public readonly record struct BatchParts(bool Questions = true, bool Masks = true, int Prompts = 0,
    float TaggerCutShare = 0, bool Names = false);
