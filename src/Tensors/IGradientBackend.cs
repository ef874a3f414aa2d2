namespace PixSearch.Tensors;

/// <summary>
/// What a backend offers beyond <see cref="IBackend"/> so that autodiff can wrap it: the backward form of each fused
/// op.
/// <c>dy</c> is the gradient of the result and has its shape. Gradients of weights are added into the tensor given,
/// so that micro-batches accumulate.
/// </summary>
public interface IGradientBackend : IBackend
{
    /// <summary>destination += source, in place; equal shapes.</summary>
    void AddInto(Tensor destination, Tensor source);

    /// <summary>Adds to [start, start + source's size) along an axis of the destination, in place.</summary>
    void AddIntoSlice(Tensor destination, int axis, int start, Tensor source) => AddInto(destination,
        Pad(source, axis, start, destination.Size(axis) - start - source.Size(axis)));

    /// <summary>Sums x over the dimensions along which a shape was broadcast to it; the inverse of
    /// broadcasting.</summary>
    Tensor SumTo(Tensor x, Shape shape);

    /// <summary>dx of <see cref="IBackend.Linear"/> = dy W.</summary>
    Tensor LinearBackwardInput(Tensor dy, Weight weight);

    /// <summary>dWeight += dy^T x; dBias += column sums of dy (when given).</summary>
    void LinearBackwardWeight(Tensor x, Tensor dy, Tensor dWeight, Tensor? dBias);

    /// <summary>dx of a unary op, from its argument and its result.</summary>
    Tensor UnaryBackward(Tensor x, Tensor y, Tensor dy, UnaryOp op);

    /// <summary>(dGate, dUp).</summary>
    (Tensor Gate, Tensor Up) SwiGluBackward(Tensor gate, Tensor up, Tensor dy);

    /// <summary>dx; dScale += ....</summary>
    Tensor RmsNormBackward(Tensor x, Weight scale, float epsilon, Tensor dy, Tensor? dScale);

    /// <summary>dx; dScale, dShift += ....</summary>
    Tensor LayerNormBackward(Tensor x, Weight scale, float epsilon, Tensor dy, Tensor? dScale, Tensor? dShift);

    /// <summary>dx; dScale, dShift += ....</summary>
    Tensor ChannelNormBackward(Tensor x, Weight scale, float epsilon, Tensor dy, Tensor? dScale, Tensor? dShift);

    /// <summary>dx of softmax, from its result.</summary>
    Tensor SoftmaxBackward(Tensor y, Tensor dy);

    /// <summary>Gradients of <see cref="IBackend.Attention"/>; those of the bias tensors where the mask has
    /// them.</summary>
    AttentionGradients AttentionBackward(Tensor q, Tensor k, Tensor v, AttentionMask mask, float scale, Tensor y,
        Tensor dy);

    /// <summary>dx; dWeight, dBias += ....</summary>
    Tensor Conv2dBackward(Tensor x, Weight weight, int stride, int padding, int groups, Tensor dy, Tensor? dWeight,
        Tensor? dBias);

    /// <summary>dWeight, dBias += ..., where nobody wants dx: pictures are not learned.</summary>
    void Conv2dBackwardWeight(Tensor x, Weight weight, int stride, int padding, int groups, Tensor dy, Tensor? dWeight,
        Tensor? dBias) => Conv2dBackward(x, weight, stride, padding, groups, dy, dWeight, dBias).Dispose();

    /// <summary>dx; dWeight, dBias += ....</summary>
    Tensor ConvTranspose2dBackward(Tensor x, Weight weight, int stride, Tensor dy, Tensor? dWeight, Tensor? dBias);

    /// <summary>dx of a resize; <paramref name="source"/> is the shape of x.</summary>
    Tensor ResizeBackward(Tensor dy, Shape source, ResizeMode mode);

    /// <summary>destination[indices[i]] += rows[i]; negative indices are skipped.</summary>
    void ScatterAdd(Tensor rows, ReadOnlySpan<int> indices, Tensor destination);
}

/// <summary>Gradients of attention's sources.</summary>
public readonly record struct AttentionGradients(Tensor Q, Tensor K, Tensor V, Tensor? BiasRows, Tensor? BiasColumns);
