namespace PixSearch.Training.Loading;

/// <summary>
/// One micro-batch in host memory: pictures, and rows (questions) that belong to them, shortest first, in chunks that
/// are padded on the right to the chunk's longest row. Causal attention hides the padding from the text, and the losses
/// have no weight there.
/// </summary>
public sealed class TrainingBatch
{
    /// <summary>Inputs of the language model's encoder, normalised; empty when it does not run. Shape: [pictures, 3,
    /// side, side].</summary>
    public required float[] TextPixels { get; init; }

    /// <summary>Inputs of SAM's encoder, normalised and padded; empty when no mask is decoded. Shape: [pictures, 3,
    /// side, side].</summary>
    public required float[] MaskPixels { get; init; }

    /// <summary>Number of pictures.</summary>
    public required int PictureCount { get; init; }

    /// <summary>The samples, one a row.</summary>
    public required IReadOnlyList<PreparedSample> Rows { get; init; }

    /// <summary>Picture of each row.</summary>
    public required int[] PictureOfRow { get; init; }

    /// <summary>For each row how many of its tokens the tagger sees.</summary>
    public required int[] TaggerLengths { get; init; }

    /// <summary>Rows that are computed together.</summary>
    public required IReadOnlyList<RowChunk> Chunks { get; init; }

    /// <summary>Tokens, padded with 0, chunk after chunk. Shape of a chunk: [rows, tokensMax].</summary>
    public required int[] Tokens { get; init; }

    /// <summary>For each row where its first token lies in <see cref="Tokens"/>.</summary>
    public required int[] Offsets { get; init; }

    /// <summary>Mask targets of all spans, row after row, in [0, 1]; empty when no mask is decoded. Shape: [spans,
    /// side * side].</summary>
    public required float[] MaskTargets { get; init; }

    /// <summary>For each patch of the language model's encoder the name of what covers it (see
    /// <see cref="PatchNamer"/>); empty when patches are not named. Shape: [pictures, patches].</summary>
    public int[] PatchNames { get; init; } = [];

    /// <summary>Point and box prompts; may be empty.</summary>
    public IReadOnlyList<PromptRow> Prompts { get; init; } = [];

    /// <summary>Mask targets of the prompts, in [0, 1]. Shape: [prompts, side * side].</summary>
    public float[] PromptTargets { get; init; } = [];

    /// <summary>Texts without pictures; may be null.</summary>
    public TextBatch? Text { get; init; }

    /// <summary>Number of rows.</summary>
    public int RowCount => Rows.Count;
}

/// <summary>Rows [Start, Start + Count) of a batch, padded to the same length.</summary>
/// <param name="Start">First row.</param>
/// <param name="Count">Number of rows.</param>
/// <param name="TokensMax">Tokens of the longest one.</param>
/// <param name="Offset">Where the chunk's first token lies.</param>
public readonly record struct RowChunk(int Start, int Count, int TokensMax, int Offset);

/// <summary>Texts of a batch, laid out like its rows.</summary>
/// <param name="Rows">The texts, shortest first.</param>
/// <param name="Chunks">Rows that are computed together.</param>
/// <param name="Tokens">Tokens, padded with 0, chunk after chunk.</param>
/// <param name="Offsets">For each row where its first token lies.</param>
public sealed record TextBatch(IReadOnlyList<TextRow> Rows, IReadOnlyList<RowChunk> Chunks, int[] Tokens,
    int[] Offsets);
