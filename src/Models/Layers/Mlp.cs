using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Layers;

/// <summary>
/// Linear layers with an activation between them, none after the last: <c>W_n act(... act(W_1 x))</c>. In PyTorch's
/// <c>nn.Sequential</c> the linear layers have the numbers 0, 2, 4, ...; in a <c>ModuleList</c> 0, 1, 2, ....
/// </summary>
public sealed class Mlp
{
    private readonly Dense[] _layers;
    private readonly UnaryOp _activation;

    /// <summary>Layers from <c>sizes[0]</c> through to <c>sizes[^1]</c>; layer i is named <c>i *
    /// nameStep</c>.</summary>
    public Mlp(WeightScope weights, ReadOnlySpan<int> sizes, UnaryOp activation = UnaryOp.Relu, int nameStep = 1)
    {
        if (sizes.Length < 2)
        {
            throw new ArgumentException($"A perceptron has at least 2 sizes, not {sizes.Length}.", nameof(sizes));
        }

        _layers = new Dense[sizes.Length - 1];
        for (int i = 0; i < _layers.Length; i++)
        {
            _layers[i] = new Dense(weights[i * nameStep], sizes[i], sizes[i + 1]);
        }

        _activation = activation;
    }

    /// <summary>Shapes: x [..., sizes[0]], result [..., sizes[^1]].</summary>
    public Tensor Forward(IBackend backend, Tensor x)
    {
        for (int i = 0; i < _layers.Length; i++)
        {
            x = _layers[i].Forward(backend, x);
            x = i < _layers.Length - 1 ? backend.Unary(x, _activation) : x;
        }

        return x;
    }
}
