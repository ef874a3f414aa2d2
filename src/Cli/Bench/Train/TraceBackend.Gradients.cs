using PixSearch.Tensors;

namespace PixSearch.Cli.Bench.Train;

// The backward pass is computed, not noted.
internal sealed partial class TraceBackend
{
    private IGradientBackend Backward
    {
        get
        {
            _ended = true;
            return inner;
        }
    }

    /// <inheritdoc/>
    public void AddInto(Tensor destination, Tensor source) => Backward.AddInto(destination, source);

    /// <inheritdoc/>
    public Tensor SumTo(Tensor x, Shape shape) => Backward.SumTo(x, shape);

    /// <inheritdoc/>
    public Tensor LinearBackwardInput(Tensor dy, Weight weight) => Backward.LinearBackwardInput(dy, weight);

    /// <inheritdoc/>
    public void LinearBackwardWeight(Tensor x, Tensor dy, Tensor dWeight, Tensor? dBias) =>
        Backward.LinearBackwardWeight(x, dy, dWeight, dBias);

    /// <inheritdoc/>
    public Tensor UnaryBackward(Tensor x, Tensor y, Tensor dy, UnaryOp op) => Backward.UnaryBackward(x, y, dy, op);

    /// <inheritdoc/>
    public (Tensor Gate, Tensor Up) SwiGluBackward(Tensor gate, Tensor up, Tensor dy) =>
        Backward.SwiGluBackward(gate, up, dy);

    /// <inheritdoc/>
    public Tensor RmsNormBackward(Tensor x, Weight scale, float epsilon, Tensor dy, Tensor? dScale) =>
        Backward.RmsNormBackward(x, scale, epsilon, dy, dScale);

    /// <inheritdoc/>
    public Tensor LayerNormBackward(Tensor x, Weight scale, float epsilon, Tensor dy, Tensor? dScale, Tensor? dShift) =>
        Backward.LayerNormBackward(x, scale, epsilon, dy, dScale, dShift);

    /// <inheritdoc/>
    public Tensor ChannelNormBackward(Tensor x, Weight scale, float epsilon, Tensor dy, Tensor? dScale,
        Tensor? dShift) => Backward.ChannelNormBackward(x, scale, epsilon, dy, dScale, dShift);

    /// <inheritdoc/>
    public Tensor SoftmaxBackward(Tensor y, Tensor dy) => Backward.SoftmaxBackward(y, dy);

    /// <inheritdoc/>
    public AttentionGradients AttentionBackward(Tensor q, Tensor k, Tensor v, AttentionMask mask, float scale, Tensor y,
        Tensor dy) => Backward.AttentionBackward(q, k, v, mask, scale, y, dy);

    /// <inheritdoc/>
    public Tensor Conv2dBackward(Tensor x, Weight weight, int stride, int padding, int groups, Tensor dy,
        Tensor? dWeight, Tensor? dBias) =>
        Backward.Conv2dBackward(x, weight, stride, padding, groups, dy, dWeight, dBias);

    /// <inheritdoc/>
    public Tensor ConvTranspose2dBackward(Tensor x, Weight weight, int stride, Tensor dy, Tensor? dWeight,
        Tensor? dBias) => Backward.ConvTranspose2dBackward(x, weight, stride, dy, dWeight, dBias);

    /// <inheritdoc/>
    public Tensor ResizeBackward(Tensor dy, Shape source, ResizeMode mode) =>
        Backward.ResizeBackward(dy, source, mode);

    /// <inheritdoc/>
    public void ScatterAdd(Tensor rows, ReadOnlySpan<int> indices, Tensor destination) =>
        Backward.ScatterAdd(rows, indices, destination);
}
