namespace PixSearch.Tensors;

public static partial class OpRules
{
    /// <summary>Rule of <see cref="IBackend.Rotate"/>.</summary>
    public static void Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        if (x.Rank != 4 || x.Shape[3] % 2 != 0 || cos.Shape != sin.Shape || cos.Rank != 2 || cos.Shape[1] != x.Shape[3]
            || (cos.Shape[0] != x.Shape[1] && cos.Shape[0] != x.Shape[0] * x.Shape[1]))
        {
            Misuse("Rotate", "x must be [batch, tokens, heads, even size], "
                + "cos and sin [tokens, size] or [batch * tokens, size]",
                ("x", x.Shape), ("cos", cos.Shape), ("sin", sin.Shape));
        }
    }

    /// <summary>Rule of <see cref="IBackend.Attention"/>, its mask included.</summary>
    public static void Attention(string op, Tensor q, Tensor k, Tensor v, AttentionMask mask)
    {
        if (q.Rank != 4 || k.Rank != 4 || k.Shape != v.Shape || q.Shape[0] != k.Shape[0] || q.Shape[3] != k.Shape[3]
            || k.Shape[2] == 0 || q.Shape[2] % k.Shape[2] != 0)
        {
            Misuse(op, "q must be [batch, queries, heads, size], "
                + "k and v [batch, keys, kvHeads, size], heads a multiple of kvHeads",
                ("q", q.Shape), ("k", k.Shape), ("v", v.Shape));
        }

        (int batch, int keys) = (k.Shape[0], k.Shape[1]);
        if (mask.KeyValid is { } valid && valid.Shape != new Shape(batch, keys))
        {
            Misuse(op, $"key validity must be [{batch} batch, {keys} keys]", ("validity", valid.Shape));
        }

        if (mask.BiasRows is not null || mask.BiasColumns is not null)
        {
            Bias(op, mask, new Shape(batch, q.Shape[2], q.Shape[1]), keys);
        }
    }

    /// <summary>Rule of <see cref="IBackend.AppendKv"/>.</summary>
    public static void AppendKv(KvStore store, int layer, Tensor k, Tensor v, PagedBatch batch)
    {
        const string Op = "AppendKv";
        Paged(Op, store, layer, batch);
        if (k.Shape != v.Shape || k.Shape != new Shape(batch.RowCount, store.Heads, store.HeadSize))
        {
            Misuse(Op, $"k and v must be [{batch.RowCount} rows, {store.Heads} kvHeads, {store.HeadSize} size]",
                ("k", k.Shape),
                ("v", v.Shape));
        }
    }

    /// <summary>Rule of <see cref="IBackend.PagedAttention"/>.</summary>
    public static void PagedAttention(Tensor q, KvStore store, int layer, PagedBatch batch)
    {
        const string Op = "PagedAttention";
        Paged(Op, store, layer, batch);
        if (q.Rank != 3 || q.Shape[0] != batch.RowCount || q.Shape[1] % store.Heads != 0
            || q.Shape[2] != store.HeadSize)
        {
            Misuse(Op, $"q must be [{batch.RowCount} rows, a multiple of {store.Heads} heads, {store.HeadSize} size]",
                ("q", q.Shape));
        }
    }

    private static void Paged(string op, KvStore store, int layer, PagedBatch batch)
    {
        if ((uint)layer >= (uint)store.Layers)
        {
            throw new ArgumentException($"{op}: layer {layer} is outside the store's {store.Layers} layers.");
        }

        int row = 0;
        for (int s = 0; s < batch.Sequences.Count; s++)
        {
            PagedSequence sequence = batch.Sequences[s];
            int end = sequence.Start + sequence.RowCount;
            if (sequence.RowStart != row || sequence.RowCount < 1 || sequence.Start < 0
                || (long)sequence.Pages.Length * store.PageSize < end)
            {
                throw new ArgumentException($"{op}: sequence {s} has rows [{sequence.RowStart}, "
                    + $"{sequence.RowStart + sequence.RowCount}) at positions [{sequence.Start}, {end}) in "
                    + $"{sequence.Pages.Length} "
                    + $"pages of {store.PageSize}; rows must follow each other from {row} and fit into the pages.");
            }

            ReadOnlySpan<int> pages = sequence.Pages.Span;
            for (int i = 0; i < pages.Length; i++)
            {
                if ((uint)pages[i] >= (uint)store.PageCount)
                {
                    throw new ArgumentException($"{op}: page {pages[i]} of sequence {s} is outside the store's "
                        + $"{store.PageCount} pages.");
                }
            }

            row += sequence.RowCount;
        }
    }

    // Shape of queries: [batch, heads, queries].
    private static void Bias(string op, AttentionMask mask, Shape queries, int keys)
    {
        if (mask.BiasRows is not { } rows || mask.BiasColumns is not { } columns)
        {
            throw new ArgumentException($"{op}: row and column bias belong together; only one was given.");
        }

        bool fits = rows.Rank == 4 && columns.Rank == 4 && rows.Shape.With(3, 0) == columns.Shape.With(3, 0)
            && rows.Shape.With(3, 0) == new Shape(queries[0], queries[1], queries[2], 0)
            && (long)rows.Shape[3] * columns.Shape[3] == keys;
        if (!fits)
        {
            Misuse(op, $"biases must be [{queries[0]}, {queries[1]}, {queries[2]}, gridHeight] and "
                + "[.., gridWidth] with "
                + $"gridHeight * gridWidth = {keys} keys", ("rows", rows.Shape), ("columns", columns.Shape));
        }
    }
}
