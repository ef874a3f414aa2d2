namespace PixSearch.Tensors;

public sealed unsafe partial class CpuBackend
{
    // Rows of a sequence from which gathering its pages and working in panels of queries pays.
    private const int PanelRowsMin = 4;

    /// <inheritdoc/>
    private protected override void AttentionCore(in AttentionShape shape, float* q, float* k, float* v, float* y) =>
        _kernels.Attention(_context, shape, q, k, v, y);

    /// <inheritdoc/>
    private protected override void AttentionBackwardCore(in AttentionShape shape, float* q, float* k, float* v,
        float* y, float* dy, in AttentionGradientPointers gradients) =>
        _kernels.AttentionBackward(_context, shape, q, k, v, y, dy, gradients);

    /// <inheritdoc/>
    protected override void PagedAttentionCore(float* q, int heads, float* keys, float* values, KvStore store,
        PagedBatch batch, float scale, float* y)
    {
        int rowCount = 0;
        int pageCount = 0;
        int visibleMax = 0;
        for (int s = 0; s < batch.Sequences.Count; s++)
        {
            PagedSequence sequence = batch.Sequences[s];
            if (sequence.RowCount >= PanelRowsMin)
            {
                PagedPanels(q, heads, keys, values, store, sequence, scale, y);
                continue;
            }

            rowCount += sequence.RowCount;
            pageCount += sequence.Pages.Length;
            visibleMax = Math.Max(visibleMax, sequence.Start + sequence.RowCount);
        }

        if (rowCount > 0)
        {
            var job = new PagedDecodeArguments(q, keys, values, y, heads, scale, rowCount, pageCount, visibleMax);
            PagedRows(job, store, batch);
        }
    }

    // A prompt or evidence: the pages are gathered, then it is causal attention with a cached prefix.
    private void PagedPanels(float* q, int heads, float* keys, float* values, KvStore store, in PagedSequence sequence,
        float scale, float* y)
    {
        int end = sequence.Start + sequence.RowCount;
        int width = store.Heads * store.HeadSize;
        using Scratch gathered = new(Memory, 2L * end * width);
        float* k = gathered.Pointer;
        float* v = k + ((long)end * width);
        KvCell.Gather(store, keys, sequence, k);
        KvCell.Gather(store, values, sequence, v);

        var shape = new AttentionShape
        {
            Batch = 1,
            Queries = sequence.RowCount,
            Keys = end,
            Heads = heads,
            KvHeads = store.Heads,
            Size = store.HeadSize,
            Scale = scale,
            Causal = true,
            FullStart = sequence.FullStart,
            FullEnd = sequence.FullEnd,
        };
        long at = (long)sequence.RowStart * heads * store.HeadSize;
        _kernels.Attention(_context, shape, q + at, k, v, y + at);
    }

    private void PagedRows(in PagedDecodeArguments arguments, KvStore store, PagedBatch batch)
    {
        // PagedRow is 16 bytes: four floats.
        using Scratch lists = new(Memory, (4L * arguments.RowCount) + arguments.PageCount);
        var rows = (PagedRow*)lists.Pointer;
        int* pages = (int*)(rows + arguments.RowCount);
        int row = 0;
        for (int s = 0; s < batch.Sequences.Count; s++)
        {
            PagedSequence sequence = batch.Sequences[s];
            if (sequence.RowCount >= PanelRowsMin)
            {
                continue;
            }

            sequence.Pages.Span.CopyTo(new Span<int>(pages, sequence.Pages.Length));
            for (int i = 0; i < sequence.RowCount; i++)
            {
                int position = sequence.Start + i;
                bool full = position >= sequence.FullStart && position < sequence.FullEnd;
                int visible = Math.Min(full ? sequence.FullEnd : position + 1, sequence.Start + sequence.RowCount);
                rows[row++] = new PagedRow { Row = sequence.RowStart + i, Visible = visible, Pages = pages };
            }

            pages += sequence.Pages.Length;
        }

        _kernels.PagedDecode(_context, arguments, rows, store);
    }
}

/// <summary>Arguments of a decoding step's attention.</summary>
internal readonly unsafe struct PagedDecodeArguments(float* q, float* keys, float* values, float* y, int heads,
    float scale, int rowCount, int pageCount, int visibleMax)
{
    public float* Q { get; } = q;

    public float* Keys { get; } = keys;

    public float* Values { get; } = values;

    public float* Y { get; } = y;

    public int Heads { get; } = heads;

    public float Scale { get; } = scale;

    /// <summary>Query rows.</summary>
    public int RowCount { get; } = rowCount;

    /// <summary>Pages of all their sequences.</summary>
    public int PageCount { get; } = pageCount;

    /// <summary>Most keys that a row sees.</summary>
    public int VisibleMax { get; } = visibleMax;
}
