using PixSearch.Tensors;

namespace PixSearch.Torch;

public sealed partial class TorchBackend
{
    /// <inheritdoc/>
    public Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        const string Op = "Rotate";
        OpRules.Rotate(x, cos, sin);
        return Run(Op, x.Shape, () =>
        {
            int half = x.Shape[3] / 2;
            long[] table = [cos.Shape[0] == x.Shape[1] ? 1 : x.Shape[0], x.Shape[1], 1, x.Shape[3]];
            TorchTensor from = Of(Op, x);
            TorchTensor turned = torch.cat([from.narrow(3, half, half).neg(), from.narrow(3, 0, half)], 3);
            return from.mul(Of(Op, cos).view(table)).add_(turned.mul_(Of(Op, sin).view(table)));
        });
    }

    /// <inheritdoc/>
    public Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionMask mask, float scale)
    {
        const string Op = "Attention";
        OpRules.Attention(Op, q, k, v, mask);
        if (q.Count == 0 || k.Count == 0)
        {
            return Zeros(q.Shape);
        }

        return Run(Op, q.Shape, () =>
        {
            var scores = new Scores(VisibleTo(Op, q, k, mask), BiasOf(Op, q, k, mask), IsPlainCausal(q, k, mask),
                CanHideAll(q, k, mask));
            return Attend(HeadsFirst(Of(Op, q)), HeadsFirst(Of(Op, k)), HeadsFirst(Of(Op, v)), scores, scale)
                .permute(0, 2, 1, 3);
        });
    }

    // [batch, tokens, heads, size] -> [batch, heads, tokens, size]
    private static TorchTensor HeadsFirst(TorchTensor x) => x.permute(0, 2, 1, 3);

    /// <summary>
    /// softmax(q k^T * scale + bias) v in libtorch's fused kernels. Shapes: q [batch, heads, queries, size], k and v
    /// [batch, kvHeads, keys, size].
    /// </summary>
    private static TorchTensor Attend(TorchTensor q, TorchTensor k, TorchTensor v, Scores scores, float scale)
    {
        (long batch, long heads, long queries, long size) = (q.shape[0], q.shape[1], q.shape[2], q.shape[3]);
        (long kvHeads, long keys) = (k.shape[1], k.shape[2]);
        long group = heads / kvHeads;
        TorchTensor? visible = scores.Visible;
        TorchTensor? hidden = null;
        if (visible is not null && scores.CanHideAll)
        {
            // What the fused kernels do with a query that sees nothing differs between them: it sees all for now.
            hidden = visible.any(-1, keepdim: true).logical_not();
            visible = visible.logical_or(hidden);
        }

        bool folds = group > 1;
        bool causal = scores.IsPlainCausal && !folds;
        TorchTensor? bias = scores.Bias?.view(batch, kvHeads, group * queries, keys);
        if (folds)
        {
            // Heads that share keys are more queries of one head: nothing is copied.
            q = q.reshape(batch, kvHeads, group * queries, size);
            visible = visible?.unsqueeze(2).expand(visible.shape[0], 1, group, visible.shape[2], keys)
                .reshape(visible.shape[0], 1, group * visible.shape[2], keys);
        }

        TorchTensor? mask = causal ? null : visible;
        if (bias is not null)
        {
            mask = visible is null ? bias : bias.masked_fill(visible.logical_not(), float.NegativeInfinity);
        }

        // The fused op has a scale of its own, 1 / sqrt(size).
        TorchTensor y = torch.nn.functional.scaled_dot_product_attention(q.mul(scale * Math.Sqrt(size)), k, v, mask,
            is_casual: causal);
        y = y.reshape(batch, heads, queries, size);
        return hidden is null ? y : y.masked_fill(hidden, 0);
    }

    // Which keys a query sees, true or false; null where it sees all. Shape: [batch or 1, 1, queries, keys].
    private TorchTensor? VisibleTo(string op, Tensor q, Tensor k, AttentionMask mask)
    {
        (int queries, int keys) = (q.Shape[1], k.Shape[1]);
        TorchTensor? visible = mask.Causal && !(queries == 1 && keys > 0 && mask.FullEnd <= mask.FullStart)
            ? Before(keys, Limits(queries, keys, mask)).view(1, 1, queries, keys)
            : null;
        if (mask.KeyValid is { } valid)
        {
            TorchTensor given = Of(op, valid).ne(0).view(q.Shape[0], 1, 1, keys);
            visible = visible is null ? given.expand(q.Shape[0], 1, queries, keys) : visible.logical_and(given);
        }

        return visible;
    }

    // Made on the device from one number a query. Shape: [limits, keys].
    private TorchTensor Before(int keys, long[] limits) =>
        torch.arange(keys, ScalarType.Int64, _device).unsqueeze(0).lt(Indices(limits).unsqueeze(1));

    // Keys that each query sees: the first so many.
    private static long[] Limits(int queries, int keys, AttentionMask mask)
    {
        long[] limits = new long[queries];
        for (int i = 0; i < queries; i++)
        {
            int position = i + keys - queries;
            bool full = position >= mask.FullStart && position < mask.FullEnd;
            limits[i] = Math.Clamp(full ? mask.FullEnd : position + 1, 0, keys);
        }

        return limits;
    }

    private static bool IsPlainCausal(Tensor q, Tensor k, AttentionMask mask) =>
        mask.Causal && mask.FullEnd <= mask.FullStart && mask.KeyValid is null && mask.BiasRows is null
        && q.Shape[1] == k.Shape[1];

    // Whether there may be a query without any key.
    private static bool CanHideAll(Tensor q, Tensor k, AttentionMask mask) =>
        mask.KeyValid is not null || (mask.Causal && q.Shape[1] > k.Shape[1]);

    // SAM's relative positions. Shape: [batch, heads, queries, keys]; null for none.
    private TorchTensor? BiasOf(string op, Tensor q, Tensor k, AttentionMask mask) =>
        mask.BiasRows is not { } rows || mask.BiasColumns is not { } columns
            ? null
            : Of(op, rows).unsqueeze(-1).add(Of(op, columns).unsqueeze(-2))
                .view(q.Shape[0], q.Shape[2], q.Shape[1], k.Shape[1]);

    /// <summary>What is done to scores before the softmax.</summary>
    /// <param name="Visible">Keys that queries see; null for all.</param>
    /// <param name="Bias">What is added; null for nothing.</param>
    /// <param name="IsPlainCausal">A square lower triangle, for which the fused kernels need no mask.</param>
    /// <param name="CanHideAll">A query may see no key at all; its result is zeros.</param>
    private readonly record struct Scores(TorchTensor? Visible, TorchTensor? Bias, bool IsPlainCausal, bool CanHideAll);
}
