namespace PixSearch.Tensors;

public abstract unsafe partial class HostBackend
{
    /// <inheritdoc/>
    public Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        const string Op = "Rotate";
        OpRules.Rotate(x, cos, sin);
        Tensor y = Empty(x.Shape);
        int tokens = x.Shape[0] * x.Shape[1];
        if (x.Count > 0)
        {
            RotateCore(Pointer(Op, x), tokens, x.Shape[2], x.Shape[3], Pointer(Op, cos), Pointer(Op, sin), cos.Shape[0],
                Pointer(Op, y));
        }

        return y;
    }

    /// <inheritdoc/>
    public Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionMask mask, float scale)
    {
        AttentionShape shape = AttentionShapeOf("Attention", q, k, v, mask, scale);
        Tensor y = Empty(q.Shape);
        if (y.Count > 0)
        {
            AttentionCore(shape, Pointer("Attention", q), Pointer("Attention", k), Pointer("Attention", v),
                Pointer("Attention", y));
        }

        return y;
    }

    /// <inheritdoc/>
    public AttentionGradients AttentionBackward(Tensor q, Tensor k, Tensor v, AttentionMask mask, float scale, Tensor y,
        Tensor dy)
    {
        const string Op = "AttentionBackward";
        AttentionShape shape = AttentionShapeOf(Op, q, k, v, mask, scale);
        OpRules.Same(Op, ("q", q), ("y", y));
        OpRules.Same(Op, ("q", q), ("dy", dy));
        Tensor dq = Zeros(q.Shape);
        Tensor dk = Zeros(k.Shape);
        Tensor dv = Zeros(v.Shape);
        Tensor? dRows = mask.BiasRows is null ? null : Zeros(mask.BiasRows.Shape);
        Tensor? dColumns = mask.BiasColumns is null ? null : Zeros(mask.BiasColumns.Shape);
        if (q.Count > 0 && k.Count > 0)
        {
            var pointers = new AttentionGradientPointers
            {
                Q = Pointer(Op, dq),
                K = Pointer(Op, dk),
                V = Pointer(Op, dv),
                BiasRows = dRows is null ? null : Pointer(Op, dRows),
                BiasColumns = dColumns is null ? null : Pointer(Op, dColumns),
            };
            AttentionBackwardCore(shape, Pointer(Op, q), Pointer(Op, k), Pointer(Op, v), Pointer(Op, y),
                Pointer(Op, dy), pointers);
        }

        return new AttentionGradients(dq, dk, dv, dRows, dColumns);
    }

    /// <inheritdoc/>
    public Tensor KvPages(Shape shape, KvType type) => Zeros(shape.With(-1, KvCell.Words(type, shape[-1])));

    /// <inheritdoc/>
    public void AppendKv(KvStore store, int layer, Tensor k, Tensor v, PagedBatch batch)
    {
        const string Op = "AppendKv";
        OpRules.AppendKv(store, layer, k, v, batch);
        int width = store.Heads * store.HeadSize;
        int cells = store.Heads * store.Cell;
        float* keys = Pointer(Op, store.Keys(layer));
        float* values = Pointer(Op, store.Values(layer));
        float* fromK = Pointer(Op, k);
        float* fromV = Pointer(Op, v);
        for (int s = 0; s < batch.Sequences.Count; s++)
        {
            PagedSequence sequence = batch.Sequences[s];
            ReadOnlySpan<int> pages = sequence.Pages.Span;
            for (int i = 0; i < sequence.RowCount; i++)
            {
                int position = sequence.Start + i;
                long to = (((long)pages[position / store.PageSize] * store.PageSize) + (position % store.PageSize))
                    * cells;
                long from = (long)(sequence.RowStart + i) * width;
                KvCell.Write(store.Type, fromK + from, store.Heads, store.HeadSize, keys + to);
                KvCell.Write(store.Type, fromV + from, store.Heads, store.HeadSize, values + to);
            }
        }
    }

    /// <inheritdoc/>
    public Tensor PagedAttention(Tensor q, KvStore store, int layer, PagedBatch batch, float scale)
    {
        const string Op = "PagedAttention";
        OpRules.PagedAttention(q, store, layer, batch);
        Tensor y = Empty(q.Shape);
        if (q.Count > 0)
        {
            PagedAttentionCore(Pointer(Op, q), q.Shape[1], Pointer(Op, store.Keys(layer)),
                Pointer(Op, store.Values(layer)), store, batch, scale, Pointer(Op, y));
        }

        return y;
    }

    /// <summary>
    /// Formula of <see cref="IBackend.Rotate"/>; row t of x uses row <c>t % tableRows</c> of the tables.
    /// </summary>
    protected abstract void RotateCore(float* x, int tokens, int heads, int size, float* cos, float* sin, int tableRows,
        float* y);

    /// <summary>Attention of checked sizes.</summary>
    private protected abstract void AttentionCore(in AttentionShape shape, float* q, float* k, float* v, float* y);

    /// <summary>Gradients of <see cref="AttentionCore"/>, added to zeroed destinations.</summary>
    private protected abstract void AttentionBackwardCore(in AttentionShape shape, float* q, float* k, float* v,
        float* y, float* dy, in AttentionGradientPointers gradients);

    /// <summary>Attention over pages; everything was checked.</summary>
    protected abstract void PagedAttentionCore(float* q, int heads, float* keys, float* values, KvStore store,
        PagedBatch batch, float scale, float* y);

    private static AttentionShape AttentionShapeOf(string op, Tensor q, Tensor k, Tensor v, AttentionMask mask,
        float scale)
    {
        OpRules.Attention(op, q, k, v, mask);
        var shape = new AttentionShape
        {
            Batch = q.Shape[0],
            Queries = q.Shape[1],
            Keys = k.Shape[1],
            Heads = q.Shape[2],
            KvHeads = k.Shape[2],
            Size = q.Shape[3],
            Scale = scale,
            Causal = mask.Causal,
            FullStart = mask.FullStart,
            FullEnd = mask.FullEnd,
        };
        if (mask.KeyValid is { } valid)
        {
            shape.KeyValid = Pointer(op, valid);
        }

        if (mask.BiasRows is { } rows && mask.BiasColumns is { } columns)
        {
            shape.BiasRows = Pointer(op, rows);
            shape.BiasColumns = Pointer(op, columns);
            shape.GridHeight = rows.Shape[3];
            shape.GridWidth = columns.Shape[3];
        }

        return shape;
    }
}

/// <summary>Where the gradients of attention go; biases null when there are none.</summary>
internal unsafe struct AttentionGradientPointers
{
    public float* Q;
    public float* K;
    public float* V;
    public float* BiasRows;
    public float* BiasColumns;
}
