using PixSearch.Tensors;

namespace PixSearch.Autodiff;

/// <summary>Fused layers: linear, norms, attention, pictures.</summary>
public sealed partial class AutodiffBackend
{
    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, Weight? bias = null)
    {
        Tensor y = Inner.Linear(x, weight, bias);
        GradientNode? node = NodeOf(x);
        bool learns = IsTrainable(weight) || IsTrainable(bias);
        if (node is null && !learns)
        {
            return y;
        }

        Tensor? saved = learns ? Save(x) : null;
        return Record(nameof(Linear), y, dy =>
        {
            if (saved is not null)
            {
                Inner.LinearBackwardWeight(saved, dy, Accumulator(weight),
                    bias is { Trainable: true } ? GradientOf(bias) : null);
            }

            if (node is not null)
            {
                Pass(node, Inner.LinearBackwardInput(dy, weight));
            }
        });
    }

    /// <inheritdoc/>
    public Tensor RmsNorm(Tensor x, Weight scale, float epsilon)
    {
        Tensor y = Inner.RmsNorm(x, scale, epsilon);
        GradientNode? node = NodeOf(x);
        if (node is null && !IsTrainable(scale))
        {
            return y;
        }

        Tensor saved = Save(x);
        return Record(nameof(RmsNorm), y,
            dy => Pass(node, Inner.RmsNormBackward(saved, scale, epsilon, dy, TrainedOrNull(scale))));
    }

    /// <inheritdoc/>
    public Tensor LayerNorm(Tensor x, Weight scale, Weight shift, float epsilon)
    {
        Tensor y = Inner.LayerNorm(x, scale, shift, epsilon);
        GradientNode? node = NodeOf(x);
        if (node is null && !IsTrainable(scale) && !IsTrainable(shift))
        {
            return y;
        }

        Tensor saved = Save(x);
        return Record(nameof(LayerNorm), y, dy => Pass(node,
            Inner.LayerNormBackward(saved, scale, epsilon, dy, TrainedOrNull(scale), TrainedOrNull(shift))));
    }

    /// <inheritdoc/>
    public Tensor ChannelNorm(Tensor x, Weight scale, Weight shift, float epsilon)
    {
        Tensor y = Inner.ChannelNorm(x, scale, shift, epsilon);
        GradientNode? node = NodeOf(x);
        if (node is null && !IsTrainable(scale) && !IsTrainable(shift))
        {
            return y;
        }

        Tensor saved = Save(x);
        return Record(nameof(ChannelNorm), y, dy => Pass(node,
            Inner.ChannelNormBackward(saved, scale, epsilon, dy, TrainedOrNull(scale), TrainedOrNull(shift))));
    }

    /// <inheritdoc/>
    public Tensor Softmax(Tensor x)
    {
        Tensor y = Inner.Softmax(x);
        if (NodeOf(x) is not { } node)
        {
            return y;
        }

        Tensor saved = Save(y);
        return Record(nameof(Softmax), y, dy => Pass(node, Inner.SoftmaxBackward(saved, dy)));
    }

    /// <inheritdoc/>
    /// <remarks>The tables are constants: no gradient flows to them.</remarks>
    public Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        Tensor y = Inner.Rotate(x, cos, sin);
        if (NodeOf(x) is not { } node)
        {
            return y;
        }

        // With R(x) = (-x2, x1), y = x cos + R(x) sin; R's transpose is -R, and R(dy sin) = R(dy) (sin2, sin1).
        int half = sin.Size(-1) / 2;
        Tensor swapped = Inner.Concat(1, Inner.Slice(sin, 1, half, half), Inner.Slice(sin, 1, 0, half));
        Tensor savedSin = Save(Inner.Affine(swapped, -1));
        Tensor savedCos = Save(cos);
        return Record(nameof(Rotate), y, dy => Pass(node, Inner.Rotate(dy, savedCos, savedSin)));
    }

    /// <inheritdoc/>
    public Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionMask mask, float scale)
    {
        Tensor y = Inner.Attention(q, k, v, mask, scale);
        GradientNode? nodeQ = NodeOf(q);
        GradientNode? nodeK = NodeOf(k);
        GradientNode? nodeV = NodeOf(v);
        GradientNode? nodeRows = NodeOf(mask.BiasRows);
        GradientNode? nodeColumns = NodeOf(mask.BiasColumns);
        if (nodeQ is null && nodeK is null && nodeV is null && nodeRows is null && nodeColumns is null)
        {
            return y;
        }

        Tensor savedQ = Save(q);
        Tensor savedK = Save(k);
        Tensor savedV = Save(v);
        Tensor savedY = Save(y);
        AttentionMask savedMask = mask with
        {
            KeyValid = mask.KeyValid is null ? null : Save(mask.KeyValid),
            BiasRows = mask.BiasRows is null ? null : Save(mask.BiasRows),
            BiasColumns = mask.BiasColumns is null ? null : Save(mask.BiasColumns),
        };
        return Record(nameof(Attention), y, dy =>
        {
            AttentionGradients gradients =
                Inner.AttentionBackward(savedQ, savedK, savedV, savedMask, scale, savedY, dy);
            Pass(nodeQ, gradients.Q);
            Pass(nodeK, gradients.K);
            Pass(nodeV, gradients.V);
            if (gradients.BiasRows is not null && gradients.BiasColumns is not null)
            {
                Pass(nodeRows, gradients.BiasRows);
                Pass(nodeColumns, gradients.BiasColumns);
            }
        });
    }

    /// <inheritdoc/>
    public Tensor KvPages(Shape shape, KvType type) => Inner.KvPages(shape, type);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The keys or values are tracked: a cache has no backward
    /// form.</exception>
    public void AppendKv(KvStore store, int layer, Tensor k, Tensor v, PagedBatch batch)
    {
        RequireConstant(nameof(AppendKv), k, v);
        Inner.AppendKv(store, layer, k, v, batch);
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The queries are tracked: a cache has no backward form.</exception>
    public Tensor PagedAttention(Tensor q, KvStore store, int layer, PagedBatch batch, float scale)
    {
        RequireConstant(nameof(PagedAttention), q);
        return Inner.PagedAttention(q, store, layer, batch, scale);
    }

    /// <inheritdoc/>
    public Tensor Conv2d(Tensor x, Weight weight, Weight? bias, int stride, int padding, int groups = 1)
    {
        Tensor y = Inner.Conv2d(x, weight, bias, stride, padding, groups);
        GradientNode? node = NodeOf(x);
        if (node is null && !IsTrainable(weight) && !IsTrainable(bias))
        {
            return y;
        }

        Tensor saved = Save(x);
        return Record(nameof(Conv2d), y, dy =>
        {
            Tensor? dWeight = TrainedOrNull(weight);
            Tensor? dBias = TrainedOrNull(bias);
            if (node is null)
            {
                Inner.Conv2dBackwardWeight(saved, weight, stride, padding, groups, dy, dWeight, dBias);
                return;
            }

            Pass(node, Inner.Conv2dBackward(saved, weight, stride, padding, groups, dy, dWeight, dBias));
        });
    }

    /// <inheritdoc/>
    public Tensor ConvTranspose2d(Tensor x, Weight weight, Weight? bias, int stride)
    {
        Tensor y = Inner.ConvTranspose2d(x, weight, bias, stride);
        GradientNode? node = NodeOf(x);
        if (node is null && !IsTrainable(weight) && !IsTrainable(bias))
        {
            return y;
        }

        Tensor saved = Save(x);
        return Record(nameof(ConvTranspose2d), y, dy => Pass(node, Inner.ConvTranspose2dBackward(saved, weight,
            stride, dy,
            TrainedOrNull(weight), TrainedOrNull(bias))));
    }

    /// <inheritdoc/>
    public Tensor Resize(Tensor x, int height, int width, ResizeMode mode)
    {
        Tensor y = Inner.Resize(x, height, width, mode);
        if (NodeOf(x) is not { } node)
        {
            return y;
        }

        Shape source = x.Shape;
        return Record(nameof(Resize), y, dy => Pass(node, Inner.ResizeBackward(dy, source, mode)));
    }

    private Tensor? TrainedOrNull(Weight? weight) => weight is { Trainable: true } ? GradientOf(weight) : null;

    /// <summary>A weight's accumulator, or scratch where only its bias is trained.</summary>
    private Tensor Accumulator(Weight weight) => weight.Trainable ? GradientOf(weight) : Inner.Zeros(weight.Shape);

    private void RequireConstant(string op, params ReadOnlySpan<Tensor> sources)
    {
        foreach (Tensor source in sources)
        {
            if (IsTracked(source))
            {
                throw new InvalidOperationException(
                    $"{op} cannot be differentiated; use Attention over full sequences in training, "
                    + "or a NoGradient region.");
            }
        }
    }
}
