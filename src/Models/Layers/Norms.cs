using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Layers;

/// <summary>(x - mean) / sqrt(variance + epsilon) * weight + bias over the innermost dimension.</summary>
public sealed class LayerNorm
{
    private readonly Weight _scale;
    private readonly Weight _shift;
    private readonly float _epsilon;

    /// <summary>A norm over <paramref name="size"/> elements.</summary>
    public LayerNorm(WeightScope weights, int size, float epsilon = 1e-5f)
    {
        _scale = weights.Get("weight", new Shape(size), WeightInit.Ones);
        _shift = weights.Get("bias", new Shape(size), WeightInit.Zeros);
        _epsilon = epsilon;
    }

    /// <summary>Shapes: x [..., size], result the same.</summary>
    public Tensor Forward(IBackend backend, Tensor x) => backend.LayerNorm(x, _scale, _shift, _epsilon);
}

/// <summary>x / sqrt(mean(x^2) + epsilon) * weight over the innermost dimension (Zhang and Sennrich 2019).</summary>
public sealed class RmsNorm
{
    private readonly Weight _scale;
    private readonly float _epsilon;

    /// <summary>A norm over <paramref name="size"/> elements.</summary>
    public RmsNorm(WeightScope weights, int size, float epsilon)
    {
        _scale = weights.Get("weight", new Shape(size), WeightInit.Ones);
        _epsilon = epsilon;
    }

    /// <summary>Shapes: x [..., size], result the same.</summary>
    public Tensor Forward(IBackend backend, Tensor x) => backend.RmsNorm(x, _scale, _epsilon);
}

/// <summary>SAM's LayerNorm2d: the norm over the channels of each pixel.</summary>
public sealed class ChannelNorm
{
    private readonly Weight _scale;
    private readonly Weight _shift;

    /// <summary>A norm over <paramref name="channels"/> channels.</summary>
    public ChannelNorm(WeightScope weights, int channels)
    {
        _scale = weights.Get("weight", new Shape(channels), WeightInit.Ones);
        _shift = weights.Get("bias", new Shape(channels), WeightInit.Zeros);
    }

    /// <summary>Added to the variance; all published SAM checkpoints use this value.</summary>
    public const float Epsilon = 1e-6f;

    /// <summary>Shapes: x [batch, channels, height, width], result the same.</summary>
    public Tensor Forward(IBackend backend, Tensor x) => backend.ChannelNorm(x, _scale, _shift, Epsilon);
}
