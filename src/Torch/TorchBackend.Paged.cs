using PixSearch.Tensors;

namespace PixSearch.Torch;

public sealed partial class TorchBackend
{
    private PagedPlan? _plan;

    /// <inheritdoc/>
    public Tensor KvPages(Shape shape, KvType type) => type == KvType.F32
        ? Zeros(shape)
        : Run("KvPages", shape, () => New(shape, ScalarType.BFloat16).zero_(), sizeof(ushort));

    /// <inheritdoc/>
    public void AppendKv(KvStore store, int layer, Tensor k, Tensor v, PagedBatch batch)
    {
        const string Op = "AppendKv";
        OpRules.AppendKv(store, layer, k, v, batch);
        if (k.Count == 0)
        {
            return;
        }

        Do(Op, () =>
        {
            TorchTensor slots = PlanOf(batch, store).Slots;
            long[] rows = [(long)store.PageCount * store.PageSize, store.Heads, store.HeadSize];
            TorchTensor keys = Of(Op, store.Keys(layer)).view(rows);
            TorchTensor values = Of(Op, store.Values(layer)).view(rows);
            keys.index_copy_(0, slots, Of(Op, k).to(keys.dtype));
            values.index_copy_(0, slots, Of(Op, v).to(values.dtype));
        });
    }

    /// <inheritdoc/>
    public Tensor PagedAttention(Tensor q, KvStore store, int layer, PagedBatch batch, float scale)
    {
        const string Op = "PagedAttention";
        OpRules.PagedAttention(q, store, layer, batch);
        if (q.Count == 0)
        {
            return Zeros(q.Shape);
        }

        return Run(Op, q.Shape, () =>
        {
            PagedPlan plan = PlanOf(batch, store);
            TorchTensor rows = Of(Op, q);
            TorchTensor keys = Of(Op, store.Keys(layer));
            TorchTensor values = Of(Op, store.Values(layer));
            TorchTensor y = New(q.Shape);
            if (plan.Single.Count > 0)
            {
                TorchTensor attended = DecodeRows(plan, rows.index_select(0, plan.SingleRows), keys, values, scale);
                y.index_copy_(0, plan.SingleRows, attended);
            }

            for (int s = 0; s < plan.Sequences.Count; s++)
            {
                PagedSequence sequence = plan.Sequences[s];
                if (sequence.RowCount > 1)
                {
                    TorchTensor own = rows.narrow(0, sequence.RowStart, sequence.RowCount);
                    y.narrow(0, sequence.RowStart, sequence.RowCount)
                        .copy_(ExtendRows(plan, s, own, keys, values, scale));
                }
            }

            return y;
        });
    }

    // One row of each decoding sequence, all in one call. Shapes: q and result [single, heads, size].
    private TorchTensor DecodeRows(PagedPlan plan, TorchTensor q, TorchTensor keys, TorchTensor values, float scale)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        TorchTensor visible = torch.arange(plan.KeysMax, ScalarType.Int64, _device).unsqueeze(0)
            .lt(plan.SingleLimits.unsqueeze(1)).view(plan.Single.Count, 1, 1, plan.KeysMax);
        var scores = new Scores(visible, null, IsPlainCausal: false, CanHideAll: false);
        TorchTensor y = Attend(q.unsqueeze(2), Gathered(keys), Gathered(values), scores, scale);
        return y.squeeze(2).MoveToOuterDisposeScope();

        // -> [single, kvHeads, KeysMax, size]
        TorchTensor Gathered(TorchTensor pages) => pages.index_select(0, plan.SinglePages).to(ScalarType.Float32)
            .view(plan.Single.Count, plan.PagesMax * plan.PageSize, pages.shape[2], pages.shape[3])
            .narrow(1, 0, plan.KeysMax).permute(0, 2, 1, 3);
    }

    // Several rows of one sequence: a prompt, or evidence behind what is cached. Shape of q and result: [rows, heads,
    // size].
    private TorchTensor ExtendRows(PagedPlan plan, int index, TorchTensor q, TorchTensor keys, TorchTensor values,
        float scale)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        PagedSequence sequence = plan.Sequences[index];
        int end = sequence.Start + sequence.RowCount;
        bool plain = sequence.Start == 0 && sequence.FullEnd <= sequence.FullStart;
        TorchTensor visible = torch.arange(end, ScalarType.Int64, _device).unsqueeze(0)
            .lt(plan.Limits(index).unsqueeze(1)).view(1, 1, sequence.RowCount, end);
        var scores = new Scores(visible, null, plain, CanHideAll: false);
        TorchTensor y = Attend(q.permute(1, 0, 2).unsqueeze(0), Gathered(keys), Gathered(values), scores, scale);
        return y.squeeze(0).permute(1, 0, 2).MoveToOuterDisposeScope();

        // -> [1, kvHeads, end, size]
        TorchTensor Gathered(TorchTensor pages)
        {
            TorchTensor own = pages.index_select(0, plan.Pages(index)).to(ScalarType.Float32);
            return own.view(own.shape[0] * plan.PageSize, pages.shape[2], pages.shape[3]).narrow(0, 0, end)
                .permute(1, 0, 2).unsqueeze(0);
        }
    }

    private PagedPlan PlanOf(PagedBatch batch, KvStore store)
    {
        if (_plan is null || !_plan.Fits(batch, store.PageSize))
        {
            _plan?.Dispose();
            _plan = new PagedPlan(batch, store.PageSize, numbers => Indices(numbers));
        }

        return _plan;
    }
}
