using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.PixelSail;

/// <summary>
/// Twice the height and width: <c>norm(pointwise(depthwise3x3(gelu(transposedConv(x)))))</c>. Weights: <c>0</c>,
/// <c>2.depthwise</c>, <c>2.pointwise</c>, <c>3.ln</c>.
/// </summary>
public sealed class UpsampleBlock
{
    private readonly UpConvolution _up;
    private readonly Convolution _depthwise;
    private readonly Convolution _pointwise;
    private readonly ChannelNorm _norm;

    /// <summary>A block that keeps the number of channels.</summary>
    public UpsampleBlock(WeightScope weights, int channels)
    {
        _up = new UpConvolution(weights[0], channels, channels);
        _depthwise = new Convolution(weights[2]["depthwise"], channels, channels, 3, padding: 1, groups: channels);
        _pointwise = new Convolution(weights[2]["pointwise"], channels, channels, 1);
        _norm = new ChannelNorm(weights[3]["ln"], channels);
    }

    /// <summary>Shapes: x [batch, channels, h, w], result [batch, channels, 2h, 2w].</summary>
    public Tensor Forward(IBackend backend, Tensor x)
    {
        using var scope = new TensorScope();
        x = backend.Unary(_up.Forward(backend, x), UnaryOp.Gelu);
        x = _pointwise.Forward(backend, _depthwise.Forward(backend, x));
        return scope.Keep(_norm.Forward(backend, x));
    }
}
