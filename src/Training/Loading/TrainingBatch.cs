namespace PixSearch.Training.Loading;

/// <summary>
/// One micro-batch in host memory: pictures, and rows (questions) that belong to them, padded on the right. Causal attention hides
/// the padding from the text, and the losses have no weight there.
/// </summary>
public sealed class TrainingBatch
{
    /// <summary>Inputs of the language model's encoder, normalised. Shape: [pictures, 3, side, side].</summary>
    public required float[] TextPixels { get; init; }

    /// <summary>Inputs of SAM's encoder, normalised and padded. Shape: [pictures, 3, side, side].</summary>
    public required float[] MaskPixels { get; init; }

    /// <summary>Number of pictures.</summary>
    public required int PictureCount { get; init; }

    /// <summary>The samples, one a row.</summary>
    public required IReadOnlyList<PreparedSample> Rows { get; init; }

    /// <summary>Picture of each row.</summary>
    public required int[] PictureOfRow { get; init; }

    /// <summary>For each row how many of its tokens the tagger sees.</summary>
    public required int[] TaggerLengths { get; init; }

    /// <summary>Tokens of the longest row.</summary>
    public required int TokensMax { get; init; }

    /// <summary>Tokens, padded with 0. Shape: [rows, tokensMax].</summary>
    public required int[] Tokens { get; init; }

    /// <summary>Mask targets of all spans, row after row, in [0, 1]. Shape: [spans, side * side].</summary>
    public required float[] MaskTargets { get; init; }

    /// <summary>Number of rows.</summary>
    public int RowCount => Rows.Count;
}
