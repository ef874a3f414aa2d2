namespace PixSearch.Tensors;

/// <summary>Sizes and mask of one attention call, with pointers that were checked.</summary>
internal unsafe struct AttentionShape
{
    public int Batch;
    public int Queries;
    public int Keys;
    public int Heads;
    public int KvHeads;
    public int Size;
    public float Scale;
    public bool Causal;
    public int FullStart;
    public int FullEnd;

    /// <summary>Shape: [batch, keys]; null for all valid.</summary>
    public float* KeyValid;

    /// <summary>Shape: [batch, heads, queries, GridHeight]; null for no bias.</summary>
    public float* BiasRows;

    /// <summary>Shape: [batch, heads, queries, GridWidth]; null for no bias.</summary>
    public float* BiasColumns;

    public int GridHeight;
    public int GridWidth;

    /// <summary>Elements from one query (row of q, y) to the next.</summary>
    public readonly int QueryStride => Heads * Size;

    /// <summary>Elements from one key to the next.</summary>
    public readonly int KeyStride => KvHeads * Size;

    /// <summary>
    /// Keys that query i may see are the first <c>KeysVisible(i)</c>: a causal mask shows those up to its own position,
    /// and inside the full range all of that range.
    /// </summary>
    public readonly int KeysVisible(int query)
    {
        if (!Causal)
        {
            return Keys;
        }

        int position = query + Keys - Queries;
        int limit = position >= FullStart && position < FullEnd ? FullEnd : position + 1;
        return Math.Clamp(limit, 0, Keys);
    }

    /// <summary>Offset of a query's first element.</summary>
    public readonly long QueryAt(int batch, int head, int query) =>
        ((((long)batch * Queries) + query) * QueryStride) + (head * Size);

    /// <summary>Offset of a key's first element for a query head.</summary>
    public readonly long KeyAt(int batch, int head, int key) =>
        ((((long)batch * Keys) + key) * KeyStride) + (head / (Heads / KvHeads) * Size);

    /// <summary>Row of the bias tensors that belongs to a query.</summary>
    public readonly long BiasRow(int batch, int head, int query) =>
        ((((long)batch * Heads) + head) * Queries) + query;
}
