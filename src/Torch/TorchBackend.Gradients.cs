using PixSearch.Tensors;

namespace PixSearch.Torch;

// The backward form of each op is what libtorch's own differentiation makes of the forward one.
public sealed partial class TorchBackend
{
    /// <inheritdoc/>
    public void AddInto(Tensor destination, Tensor source)
    {
        OpRules.Same("AddInto", ("destination", destination), ("source", source));
        Do("AddInto", () => Of("AddInto", destination).add_(Of("AddInto", source)));
    }

    /// <inheritdoc/>
    public Tensor LinearBackwardInput(Tensor dy, Weight weight)
    {
        const string Op = "LinearBackwardInput";
        OpRules.Linear(Op, dy.Shape, "dy", weight, inputSide: false);
        return Run(Op, dy.Shape.With(-1, weight.Shape[1]), () => torch.matmul(Of(Op, dy), Widened(Op, weight)));
    }

    /// <inheritdoc/>
    public void LinearBackwardWeight(Tensor x, Tensor dy, Tensor dWeight, Tensor? dBias)
    {
        const string Op = "LinearBackwardWeight";
        OpRules.LinearBackwardWeight(x, dy, dWeight, dBias);
        Do(Op, () =>
        {
            TorchTensor gradient = Of(Op, dy).view(OpRules.RowsOf(dy.Shape), dy.Shape[-1]);
            TorchTensor from = Of(Op, x).view(OpRules.RowsOf(dy.Shape), x.Shape[-1]);
            Of(Op, dWeight).add_(torch.matmul(gradient.transpose(0, 1), from));
            AddTo(Op, dBias, gradient.sum(0L));
        });
    }

    /// <inheritdoc/>
    public Tensor UnaryBackward(Tensor x, Tensor y, Tensor dy, UnaryOp op)
    {
        const string Op = "UnaryBackward";
        OpRules.Same(Op, ("x", x), ("y", y));
        OpRules.Same(Op, ("x", x), ("dy", dy));
        return Run(Op, x.Shape, () => Gradients(Of(Op, dy), leaves => Apply(op, leaves[0]), Of(Op, x))[0]);
    }

    /// <inheritdoc/>
    public (Tensor Gate, Tensor Up) SwiGluBackward(Tensor gate, Tensor up, Tensor dy)
    {
        const string Op = "SwiGluBackward";
        OpRules.Same(Op, ("gate", gate), ("up", up));
        OpRules.Same(Op, ("gate", gate), ("dy", dy));
        Tensor dUp = Zeros(up.Shape);
        Tensor dGate = Run(Op, gate.Shape, () =>
        {
            TorchTensor[] both = Gradients(Of(Op, dy),
                leaves => torch.nn.functional.silu(leaves[0]).mul(leaves[1]), Of(Op, gate), Of(Op, up));
            AddTo(Op, dUp, both[1]);
            return both[0];
        });
        return (dGate, dUp);
    }

    /// <inheritdoc/>
    public Tensor RmsNormBackward(Tensor x, Weight scale, float epsilon, Tensor dy, Tensor? dScale)
    {
        const string Op = "RmsNormBackward";
        int width = OpRules.NormWidth(Op, x, scale);
        OpRules.Same(Op, ("x", x), ("dy", dy));
        OpRules.Gradient(Op, dScale, width, "dScale");
        return NormBackward(Op, x, scale, dy, (leaves, _) => RmsNormOf(leaves[0], leaves[1], epsilon), dScale, null);
    }

    /// <inheritdoc/>
    public Tensor LayerNormBackward(Tensor x, Weight scale, float epsilon, Tensor dy, Tensor? dScale, Tensor? dShift)
    {
        const string Op = "LayerNormBackward";
        int width = OpRules.NormWidth(Op, x, scale);
        OpRules.Same(Op, ("x", x), ("dy", dy));
        OpRules.Gradient(Op, dScale, width, "dScale");
        OpRules.Gradient(Op, dShift, width, "dShift");
        return NormBackward(Op, x, scale, dy, (leaves, shift) => LayerNormOf(leaves[0], leaves[1], shift, epsilon),
            dScale, dShift);
    }

    /// <inheritdoc/>
    public Tensor ChannelNormBackward(Tensor x, Weight scale, float epsilon, Tensor dy, Tensor? dScale, Tensor? dShift)
    {
        const string Op = "ChannelNormBackward";
        OpRules.Channels(Op, x, scale);
        OpRules.Same(Op, ("x", x), ("dy", dy));
        OpRules.Gradient(Op, dScale, x.Shape[1], "dScale");
        OpRules.Gradient(Op, dShift, x.Shape[1], "dShift");
        return NormBackward(Op, x, scale, dy, (leaves, shift) => ChannelNormOf(leaves[0], leaves[1], shift, epsilon),
            dScale, dShift);
    }

    /// <inheritdoc/>
    public Tensor SoftmaxBackward(Tensor y, Tensor dy)
    {
        const string Op = "SoftmaxBackward";
        OpRules.Same(Op, ("y", y), ("dy", dy));
        return Run(Op, y.Shape, () =>
        {
            TorchTensor product = Of(Op, y).mul(Of(Op, dy));
            return y.Rank == 0 ? product.sub(product) : product.sub(Of(Op, y).mul(product.sum(-1, keepdim: true)));
        });
    }

    /// <inheritdoc/>
    public AttentionGradients AttentionBackward(Tensor q, Tensor k, Tensor v, AttentionMask mask, float scale, Tensor y,
        Tensor dy)
    {
        const string Op = "AttentionBackward";
        OpRules.Attention(Op, q, k, v, mask);
        OpRules.Same(Op, ("q", q), ("y", y));
        OpRules.Same(Op, ("q", q), ("dy", dy));
        var result = new AttentionGradients(Zeros(q.Shape), Zeros(k.Shape), Zeros(v.Shape),
            mask.BiasRows is null ? null : Zeros(mask.BiasRows.Shape),
            mask.BiasColumns is null ? null : Zeros(mask.BiasColumns.Shape));
        if (q.Count == 0 || k.Count == 0)
        {
            return result;
        }

        Do(Op, () =>
        {
            TorchTensor? visible = VisibleTo(Op, q, k, mask);
            TorchTensor[] sources = mask.BiasRows is { } rows && mask.BiasColumns is { } columns
                ? [Of(Op, q), Of(Op, k), Of(Op, v), Of(Op, rows), Of(Op, columns)]
                : [Of(Op, q), Of(Op, k), Of(Op, v)];
            TorchTensor[] all = Gradients(Of(Op, dy), leaves => AttendPlainly(leaves, visible, scale), sources);
            Tensor?[] to = [result.Q, result.K, result.V, result.BiasRows, result.BiasColumns];
            for (int i = 0; i < all.Length; i++)
            {
                AddTo(Op, to[i], all[i]);
            }
        });
        return result;
    }

    /// <inheritdoc/>
    public Tensor Conv2dBackward(Tensor x, Weight weight, int stride, int padding, int groups, Tensor dy,
        Tensor? dWeight, Tensor? dBias)
    {
        const string Op = "Conv2dBackward";
        OpRules.ConvGradient(Op, x, weight, dy, OpRules.Conv2d(Op, x.Shape, weight, stride, padding, groups));
        OpRules.Gradient(Op, dWeight, weight.Shape.Count, "dWeight");
        OpRules.Gradient(Op, dBias, weight.Shape[0], "dBias");
        return ConvBackward(Op, x, weight, dy, leaves => torch.nn.functional.conv2d(leaves[0], leaves[1], null,
            [stride, stride], [padding, padding], groups: groups), dWeight, dBias);
    }

    /// <inheritdoc/>
    public Tensor ConvTranspose2dBackward(Tensor x, Weight weight, int stride, Tensor dy, Tensor? dWeight,
        Tensor? dBias)
    {
        const string Op = "ConvTranspose2dBackward";
        OpRules.ConvGradient(Op, x, weight, dy, OpRules.ConvTranspose2d(Op, x.Shape, weight, stride));
        OpRules.Gradient(Op, dWeight, weight.Shape.Count, "dWeight");
        OpRules.Gradient(Op, dBias, weight.Shape[1], "dBias");
        return ConvBackward(Op, x, weight, dy, leaves => torch.nn.functional.conv_transpose2d(leaves[0], leaves[1],
            null, [stride, stride]), dWeight, dBias);
    }

    /// <inheritdoc/>
    public Tensor ResizeBackward(Tensor dy, Shape source, ResizeMode mode)
    {
        const string Op = "ResizeBackward";
        OpRules.ResizeBackward(dy, source);
        return Run(Op, source, () => Gradients(Of(Op, dy),
            leaves => Resized(leaves[0], dy.Shape[2], dy.Shape[3], mode), New(source).zero_())[0].clone());
    }

    // dx; gradients of scale and shift are added where they are wanted.
    private Tensor NormBackward(string op, Tensor x, Weight scale, Tensor dy,
        Func<TorchTensor[], TorchTensor?, TorchTensor> forward, Tensor? dScale, Tensor? dShift) =>
        Run(op, x.Shape, () =>
        {
            TorchTensor shift = torch.zeros(scale.Shape.Count, ScalarType.Float32, _device);
            TorchTensor[] all = dShift is null
                ? Gradients(Of(op, dy), leaves => forward(leaves, null), Of(op, x), Vector(op, scale))
                : Gradients(Of(op, dy), leaves => forward(leaves, leaves[2]), Of(op, x), Vector(op, scale), shift);
            AddTo(op, dScale, all[1]);
            AddTo(op, dShift, all[^1]);
            return all[0];
        });

    private Tensor ConvBackward(string op, Tensor x, Weight weight, Tensor dy, Func<TorchTensor[], TorchTensor> forward,
        Tensor? dWeight, Tensor? dBias) =>
        Run(op, x.Shape, () =>
        {
            TorchTensor[] all = Gradients(Of(op, dy), forward, Of(op, x), Widened(op, weight));
            AddTo(op, dWeight, all[1]);
            AddTo(op, dBias, Of(op, dy).sum([0L, 2, 3]));
            return all[0];
        });

    // destination += gradient, whatever the gradient's shape; null for not wanted.
    private void AddTo(string op, Tensor? destination, TorchTensor gradient)
    {
        if (destination is not null)
        {
            Of(op, destination).view(destination.Count).add_(gradient.reshape(destination.Count));
        }
    }

    private static TorchTensor[] Gradients(TorchTensor dy, Func<TorchTensor[], TorchTensor> forward,
        params TorchTensor[] sources)
    {
        TorchTensor[] leaves = [.. sources.Select(source => source.detach().requires_grad_(true))];
        TorchTensor y = forward(leaves);
        return [.. torch.autograd.grad([y], leaves, [dy.view(y.shape)])];
    }

    // Attention op by op: the fused kernels give no gradient of a bias. Sources: q, k, v [batch, tokens, heads, size],
    // then the rows and columns of a bias or nothing.
    private static TorchTensor AttendPlainly(TorchTensor[] sources, TorchTensor? visible, float scale)
    {
        TorchTensor q = HeadsFirst(sources[0]);
        TorchTensor k = HeadsFirst(sources[1]);
        TorchTensor v = HeadsFirst(sources[2]);
        long group = q.shape[1] / k.shape[1];
        if (group > 1)
        {
            (k, v) = (k.repeat_interleave(group, 1), v.repeat_interleave(group, 1));
        }

        TorchTensor scores = torch.matmul(q, k.transpose(-2, -1)).mul(scale);
        if (sources.Length > 3)
        {
            scores = scores.add(sources[3].unsqueeze(-1).add(sources[4].unsqueeze(-2)).view(scores.shape));
        }

        if (visible is not null)
        {
            // A row of hidden keys only: weights are zeroed behind the softmax, which must stay finite.
            scores = scores.masked_fill(visible.logical_not(), float.MinValue);
        }

        TorchTensor weights = torch.nn.functional.softmax(scores, -1);
        weights = visible is null ? weights : weights.masked_fill(visible.logical_not(), 0);
        return torch.matmul(weights, v).permute(0, 2, 1, 3);
    }
}
