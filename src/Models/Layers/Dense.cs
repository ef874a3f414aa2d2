using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Layers;

/// <summary>y = x W^T + b. Weights: <c>weight [out, in]</c>, <c>bias [out]</c>.</summary>
public sealed class Dense
{
    /// <summary>A layer of these sizes.</summary>
    public Dense(WeightScope weights, int inputs, int outputs, bool bias = true, WeightInit? init = null)
    {
        (Inputs, Outputs) = (inputs, outputs);
        Weight = weights.Get("weight", new Shape(outputs, inputs),
            (init ?? WeightInit.FanIn(inputs)) with { Use = WeightUse.Matrix });
        Bias = bias ? weights.Get("bias", new Shape(outputs), WeightInit.Zeros) : null;
    }

    /// <summary>Size of the innermost dimension of the argument.</summary>
    public int Inputs { get; }

    /// <summary>Size of the innermost dimension of the result.</summary>
    public int Outputs { get; }

    /// <summary>Shape: [out, in].</summary>
    public Weight Weight { get; }

    /// <summary>Shape: [out]; null for none.</summary>
    public Weight? Bias { get; }

    /// <summary>Shapes: x [..., in], result [..., out].</summary>
    public Tensor Forward(IBackend backend, Tensor x) => backend.Linear(x, Weight, Bias);
}
