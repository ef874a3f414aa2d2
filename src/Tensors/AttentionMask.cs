namespace PixSearch.Tensors;

/// <summary>
/// Which keys a query may look at, and what is added to the scores. Query i stands at position <c>i + keys -
/// queries</c> (so
/// a causal mask works for a cached prefix too).
/// </summary>
public sealed record AttentionMask
{
    /// <summary>Every query sees every key.</summary>
    public static AttentionMask Full { get; } = new();

    /// <summary>A query sees keys at its own position and before.</summary>
    public static AttentionMask CausalOnly { get; } = new() { Causal = true };

    /// <summary>Keys after the query are hidden, except inside the full range.</summary>
    public bool Causal { get; init; }

    /// <summary>With <see cref="Causal"/>: positions in [FullStart, FullEnd) all see each other (Pixel-SAIL's image
    /// prefix).</summary>
    public int FullStart { get; init; }

    /// <summary>End of the mutually visible range; equal to the start for none.</summary>
    public int FullEnd { get; init; }

    /// <summary>Key validity, 1 or 0. Shape: [batch, keys]. Null: all valid. A query with no valid key yields
    /// zeros.</summary>
    public Tensor? KeyValid { get; init; }

    /// <summary>
    /// SAM's decomposed relative position bias, rows. Shape: [batch, heads, queries, gridHeight]; added at key (r,
    /// c) is
    /// <c>BiasRows[.., r] + BiasColumns[.., c]</c> with keys = gridHeight x gridWidth row-major. Both or neither.
    /// </summary>
    public Tensor? BiasRows { get; init; }

    /// <summary>SAM's relative position bias, columns. Shape: [batch, heads, queries, gridWidth].</summary>
    public Tensor? BiasColumns { get; init; }
}
