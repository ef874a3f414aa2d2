using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.PixelLm;

/// <summary>
/// PixelLM's <c>image_feature_neck</c>, shared by the levels: Conv 1x1, norm, Conv 3x3, norm (as SAM's neck).
/// </summary>
public sealed class FeatureNeck
{
    private readonly Convolution _conv1;
    private readonly ChannelNorm _norm1;
    private readonly Convolution _conv2;
    private readonly ChannelNorm _norm2;

    /// <summary>A neck under the names 0 to 3.</summary>
    public FeatureNeck(WeightScope weights, int inputs, int outputs)
    {
        _conv1 = new Convolution(weights[0], inputs, outputs, 1, bias: false);
        _norm1 = new ChannelNorm(weights[1], outputs);
        _conv2 = new Convolution(weights[2], outputs, outputs, 3, padding: 1, bias: false);
        _norm2 = new ChannelNorm(weights[3], outputs);
    }

    /// <summary>Shapes: x [batch, inputs, h, w], result [batch, outputs, h, w].</summary>
    public Tensor Forward(IBackend backend, Tensor x)
    {
        using var scope = new TensorScope();
        x = _norm1.Forward(backend, _conv1.Forward(backend, x));
        return scope.Keep(_norm2.Forward(backend, _conv2.Forward(backend, x)));
    }
}
