namespace PixSearch.Tensors;

internal abstract unsafe partial class KernelSet
{
    /// <summary>Attention.</summary>
    public abstract void Attention(CpuContext context, in AttentionShape shape, float* q, float* k, float* v, float* y);

    /// <summary>Gradients of attention.</summary>
    public abstract void AttentionBackward(CpuContext context, in AttentionShape shape, float* q, float* k, float* v,
        float* y, float* dy, in AttentionGradientPointers gradients);

    /// <summary>Attention of single rows over pages.</summary>
    public abstract void PagedDecode(CpuContext context, in PagedDecodeArguments arguments, PagedRow* rows,
        KvStore store);
}

internal sealed unsafe partial class KernelSet<S, V>
{
    private const int FewRows = 4;

    /// <inheritdoc/>
    public override void Attention(CpuContext context, in AttentionShape shape, float* q, float* k, float* v,
        float* y)
    {
        if (AttentionSmallJob<S, V>.Fits(shape))
        {
            AttentionSmallJob<S, V>.RunAll(context,
                new AttentionSmallJob<S, V> { Shape = shape, Q = q, K = k, Values = v, Y = y });
            return;
        }

        AttentionForwardJob<S, V>.RunAll(context, shape, q, k, v, y);
    }

    /// <inheritdoc/>
    public override void AttentionBackward(CpuContext context, in AttentionShape shape, float* q, float* k, float* v,
        float* y, float* dy, in AttentionGradientPointers gradients)
    {
        if (AttentionSmallJob<S, V>.Fits(shape))
        {
            AttentionSmallJob<S, V>.RunAll(context, new AttentionSmallJob<S, V>
            {
                Shape = shape,
                Q = q,
                K = k,
                Values = v,
                Dy = dy,
                Gradients = gradients,
            });
            return;
        }

        AttentionBackwardJob<S, V>.RunAll(context, shape, q, k, v, y, dy, gradients);
    }

    /// <inheritdoc/>
    public override void PagedDecode(CpuContext context, in PagedDecodeArguments arguments, PagedRow* rows,
        KvStore store)
    {
        if (store.Type == KvType.F32)
        {
            PagedDecode<KvF32<S, V>>(context, arguments, rows, store);
        }
        else
        {
            PagedDecode<KvBF16<S, V>>(context, arguments, rows, store);
        }
    }

    private static void PagedDecode<K>(CpuContext context, in PagedDecodeArguments arguments, PagedRow* rows,
        KvStore store)
        where K : struct, IKvVectors<S, V>
    {
        // Few rows are divided by heads too, so that there is something for every thread.
        int splits = Math.Clamp((FewRows + arguments.RowCount - 1) / arguments.RowCount, 1, store.Heads);
        var job = new PagedDecodeJob<S, V, K>
        {
            Rows = rows,
            Q = arguments.Q,
            Keys = arguments.Keys,
            Values = arguments.Values,
            Y = arguments.Y,
            Heads = arguments.Heads,
            KvHeads = store.Heads,
            Size = store.HeadSize,
            PageSize = store.PageSize,
            Scale = arguments.Scale,
            HeadsEach = (store.Heads + splits - 1) / splits,
            ScratchEach = PagedDecodeJob<S, V, K>.RoomFor(arguments.VisibleMax),
        };
        using Scratch scratch = new(context.Memory, (long)job.ScratchTotal * context.Pool.ThreadCount);
        job.Scratch = scratch.Pointer;
        context.Pool.Run(job, arguments.RowCount * job.Splits);
    }
}
