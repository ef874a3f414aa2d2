using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Layers;

/// <summary>A square convolution. Weights: <c>weight [out, in / groups, k, k]</c>, <c>bias [out]</c>.</summary>
public sealed class Convolution
{
    private readonly Weight _weight;
    private readonly Weight? _bias;
    private readonly int _stride;
    private readonly int _padding;
    private readonly int _groups;

    /// <summary>A convolution of these sizes.</summary>
    public Convolution(WeightScope weights, int inputs, int outputs, int size, int stride = 1, int padding = 0,
        int groups = 1, bool bias = true)
    {
        _weight = weights.Get("weight", new Shape(outputs, inputs / groups, size, size),
            WeightInit.FanIn(inputs / groups * size * size));
        _bias = bias ? weights.Get("bias", new Shape(outputs), WeightInit.Zeros) : null;
        (_stride, _padding, _groups) = (stride, padding, groups);
    }

    /// <summary>Shapes: x [batch, in, height, width], result [batch, out, h, w].</summary>
    public Tensor Forward(IBackend backend, Tensor x) =>
        backend.Conv2d(x, _weight, _bias, _stride, _padding, _groups);
}

/// <summary>A transposed convolution with kernel 2 and stride 2: twice the height and width.</summary>
public sealed class UpConvolution
{
    private readonly Weight _weight;
    private readonly Weight _bias;

    /// <summary>Weights: <c>weight [in, out, 2, 2]</c>, <c>bias [out]</c>.</summary>
    public UpConvolution(WeightScope weights, int inputs, int outputs)
    {
        // PyTorch computes the fan of a transposed convolution from its second dimension.
        _weight = weights.Get("weight", new Shape(inputs, outputs, 2, 2), WeightInit.FanIn(outputs * 4));
        _bias = weights.Get("bias", new Shape(outputs), WeightInit.Zeros);
    }

    /// <summary>Shapes: x [batch, in, h, w], result [batch, out, 2h, 2w].</summary>
    public Tensor Forward(IBackend backend, Tensor x) => backend.ConvTranspose2d(x, _weight, _bias, 2);
}
