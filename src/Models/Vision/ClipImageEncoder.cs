using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Vision;

/// <summary>
/// CLIP's image half for retrieval: CLS of the last layer -> <c>post_layernorm</c> -> <c>visual_projection</c> -> unit
/// length.
/// Weights: <c>vision_model.*</c>, <c>visual_projection.weight [out, hidden]</c>.
/// </summary>
public sealed class ClipImageEncoder
{
    // RMSNorm with scale 1/sqrt(n) is division by the Euclidean length; this keeps a zero vector finite.
    private const float Epsilon = 1e-12f;

    private readonly ClipVision _vision;
    private readonly LayerNorm _postNorm;
    private readonly Dense _projection;
    private readonly Weight _unit;

    /// <summary>An encoder into <paramref name="projectionSize"/> dimensions.</summary>
    public ClipImageEncoder(IBackend backend, WeightScope weights, ClipVisionConfig config, int projectionSize)
    {
        _vision = new ClipVision(weights["vision_model"], config);
        _postNorm = new LayerNorm(weights["vision_model"]["post_layernorm"], config.HiddenSize, config.LayerNormEps);
        _projection = new Dense(weights["visual_projection"], config.HiddenSize, projectionSize, bias: false);
        float[] scale = new float[projectionSize];
        Array.Fill(scale, 1 / MathF.Sqrt(projectionSize));
        _unit = new Weight("unit", backend.From(scale, new Shape(projectionSize)));
    }

    /// <summary>Sizes of the transformer.</summary>
    public ClipVisionConfig Config => _vision.Config;

    /// <summary>Dimensions of the result.</summary>
    public int Size => _projection.Outputs;

    /// <summary>Vectors of unit length. Shapes: pixels [batch, 3, side, side], result [batch, size].</summary>
    public Tensor Forward(IBackend backend, Tensor pixels)
    {
        using var scope = new TensorScope();
        Tensor x = _vision.Forward(backend, pixels, [_vision.LayerCount])[0];
        x = backend.Reshape(backend.Slice(x, 1, 0, 1), new Shape(x.Size(0), x.Size(2)));
        x = _projection.Forward(backend, _postNorm.Forward(backend, x));
        return scope.Keep(backend.RmsNorm(x, _unit, Epsilon));
    }
}
