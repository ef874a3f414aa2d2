using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Vision;

/// <summary>
/// LLaVA's <c>mm_projector</c>: picture features to the width of the language model. <c>linear</c> is one layer
/// (LLaVA-1.0, LISA, PLUM), <c>mlp2x_gelu</c> is Linear, GELU, Linear (LLaVA-1.5), in PixelLM with another inner width.
/// </summary>
public sealed class Projector
{
    private readonly Dense _first;
    private readonly Dense? _second;

    /// <summary>A single layer: <c>weight, bias</c>.</summary>
    public static Projector Linear(WeightScope weights, int inputs, int outputs) =>
        new(new Dense(weights, inputs, outputs, init: WeightInit.Normal(0.02f)), null);

    /// <summary>Two layers: <c>0.*, 2.*</c>.</summary>
    public static Projector TwoLayer(WeightScope weights, int inputs, int inner, int outputs) =>
        new(new Dense(weights[0], inputs, inner), new Dense(weights[2], inner, outputs));

    /// <summary>A projector by LLaVA's name for its type.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">The type is unknown.</exception>
    public static Projector Create(WeightScope weights, string type, int inputs, int outputs) => type switch
    {
        "linear" => Linear(weights, inputs, outputs),
        "mlp2x_gelu" => TwoLayer(weights, inputs, outputs, outputs),
        _ => throw Config.Broken($"mm_projector_type is '{type}'; known are linear and mlp2x_gelu"),
    };

    private Projector(Dense first, Dense? second) => (_first, _second) = (first, second);

    /// <summary>Shapes: x [..., inputs], result [..., outputs].</summary>
    public Tensor Forward(IBackend backend, Tensor x)
    {
        x = _first.Forward(backend, x);
        return _second is null ? x : _second.Forward(backend, backend.Unary(x, UnaryOp.Gelu));
    }
}
