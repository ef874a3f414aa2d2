using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Sam;

/// <summary>
/// Mask logits to a dense prompt of a quarter of the side: Conv(1->4, k2 s2), norm, GELU, Conv(4->16, k2 s2), norm,
/// GELU, Conv(16->channels, k1). PLUM modulates the two norms' results; so the stages can be called one by one.
/// </summary>
public sealed class MaskDownscaling
{
    private readonly Convolution _conv1;
    private readonly ChannelNorm _norm1;
    private readonly Convolution _conv2;
    private readonly ChannelNorm _norm2;
    private readonly Convolution _conv3;

    /// <summary>Convolutions under the names 0, 1, 3, 4 and 6.</summary>
    public MaskDownscaling(WeightScope weights, int channels)
    {
        _conv1 = new Convolution(weights[0], 1, FirstChannels, 2, 2);
        _norm1 = new ChannelNorm(weights[1], FirstChannels);
        _conv2 = new Convolution(weights[3], FirstChannels, SecondChannels, 2, 2);
        _norm2 = new ChannelNorm(weights[4], SecondChannels);
        _conv3 = new Convolution(weights[6], SecondChannels, channels, 1);
    }

    /// <summary>Channels after the first convolution (SAM: mask_in_chans / 4).</summary>
    public const int FirstChannels = 4;

    /// <summary>Channels after the second convolution (SAM: mask_in_chans).</summary>
    public const int SecondChannels = 16;

    /// <summary>Shapes: masks [batch, 1, 4h, 4w], result [batch, channels, h, w].</summary>
    public Tensor Forward(IBackend backend, Tensor masks)
    {
        using var scope = new TensorScope();
        Tensor x = backend.Unary(First(backend, masks), UnaryOp.Gelu);
        x = backend.Unary(Second(backend, x), UnaryOp.Gelu);
        return scope.Keep(Third(backend, x));
    }

    internal Tensor First(IBackend backend, Tensor x) => _norm1.Forward(backend, _conv1.Forward(backend, x));

    internal Tensor Second(IBackend backend, Tensor x) => _norm2.Forward(backend, _conv2.Forward(backend, x));

    internal Tensor Third(IBackend backend, Tensor x) => _conv3.Forward(backend, x);
}
