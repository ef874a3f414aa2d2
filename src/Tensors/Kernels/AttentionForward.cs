namespace PixSearch.Tensors;

/// <summary>Attention: a task is one head of one batch entry, or a part of its queries.</summary>
internal unsafe struct AttentionForwardJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public AttentionShape Shape;
    public float* Q;
    public float* K;
    public float* Values;
    public float* Y;

    /// <summary>Parts into which the queries of a head are cut.</summary>
    public int Parts;

    /// <summary>Shape: [threads][ScratchEach].</summary>
    public float* Scratch;

    public long ScratchEach;

    /// <summary>Runs all heads.</summary>
    public static void RunAll(CpuContext context, in AttentionShape shape, float* q, float* k, float* v, float* y)
    {
        int heads = shape.Batch * shape.Heads;
        int panels = (shape.Queries + (2 * S.Width) - 1) / (2 * S.Width);
        int parts = heads >= 8 ? 1 : Math.Min(panels, (8 + heads - 1) / heads);
        long each = ScratchCount(shape);
        using Scratch scratch = new(context.Memory, each * context.Pool.ThreadCount);
        var job = new AttentionForwardJob<S, V>
        {
            Shape = shape,
            Q = q,
            K = k,
            Values = v,
            Y = y,
            Parts = parts,
            Scratch = scratch.Pointer,
            ScratchEach = each,
        };
        context.Pool.Run(job, heads * parts);
    }

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        int width = 2 * S.Width;
        int part = index % Parts;
        int batch = index / Parts / Shape.Heads;
        int head = index / Parts % Shape.Heads;
        var scores = default(AttentionScores<S, V>);
        float* packedValues = scores.Place(Shape, Scratch + (thread * ScratchEach));
        float* result = packedValues + ((long)AttentionPanel.Tiles<S, V>(Shape.Size) * Shape.Keys);
        long key = Shape.KeyAt(batch, head, 0);
        AttentionPanel.Fetch<S, V>(Values + key, Shape.KeyStride, Shape.Keys, Shape.Size);
        AttentionPanel.PackRows<S, V>(K + key, Shape.KeyStride, Shape.Keys, Shape.Size, scores.PackedKeys);
        AttentionPanel.PackElements<S, V>(Values + key, Shape.KeyStride, Shape.Keys, Shape.Size, packedValues);

        int panels = (Shape.Queries + width - 1) / width;
        int end = (int)((long)panels * (part + 1) / Parts);
        for (int panel = (int)((long)panels * part / Parts); panel < end; panel++)
        {
            int first = panel * width;
            int count = Math.Min(width, Shape.Queries - first);
            int keys = scores.Run(Q, batch, head, first, count);
            AttentionPanel.Fetch<S, V>(Y + Shape.QueryAt(batch, head, first), Shape.QueryStride, count, Shape.Size);
            AttentionPanel.Fetch<S, V>(Q + Shape.QueryAt(batch, head, first + count), Shape.QueryStride,
                Math.Min(width, Shape.Queries - first - count), Shape.Size);
            Weighted(packedValues, scores.Scores, keys, result);
            AttentionPanel.ScaleColumns<S, V>(result, Shape.Size, scores.Inverses);
            Transposing.Run(result, width, Shape.Size, count, Y + Shape.QueryAt(batch, head, first), Shape.QueryStride);
        }
    }

    // Tiles of the packed values hold all keys; only the visible ones are read.
    private readonly void Weighted(float* packedValues, float* scores, int keys, float* result) =>
        AttentionPanel.Product<S, V>(packedValues, Shape.Size, Shape.Size, Shape.Keys, scores, keys, result);

    private static long ScratchCount(in AttentionShape shape)
    {
        long tiles = AttentionPanel.Tiles<S, V>(shape.Size);
        long count = AttentionScores<S, V>.ScratchCount(shape) + (tiles * shape.Keys) + (tiles * 2 * S.Width);
        return (count + 15) / 16 * 16;
    }
}
