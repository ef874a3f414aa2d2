using System.Runtime.InteropServices;
using PixSearch.Tensors;

namespace PixSearch.Torch;

public sealed partial class TorchBackend
{
    // CLIP's approximation of the normal distribution function.
    private const double QuickGeluSlope = 1.702;

    /// <inheritdoc/>
    public Tensor Add(Tensor a, Tensor b) =>
        Run("Add", OpRules.Broadcast("Add", a, b), () => Of("Add", a).add(Of("Add", b)));

    /// <inheritdoc/>
    public Tensor Subtract(Tensor a, Tensor b) =>
        Run("Subtract", OpRules.Broadcast("Subtract", a, b), () => Of("Subtract", a).sub(Of("Subtract", b)));

    /// <inheritdoc/>
    public Tensor Multiply(Tensor a, Tensor b) =>
        Run("Multiply", OpRules.Broadcast("Multiply", a, b), () => Of("Multiply", a).mul(Of("Multiply", b)));

    /// <inheritdoc/>
    public Tensor Affine(Tensor x, float scale, float shift = 0) => Run("Affine", x.Shape, () =>
    {
        TorchTensor y = Of("Affine", x).mul(scale);
        return shift == 0 ? y : y.add_(shift);
    });

    /// <inheritdoc/>
    public Tensor Unary(Tensor x, UnaryOp op) => Run("Unary", x.Shape, () => Apply(op, Of("Unary", x)));

    /// <inheritdoc/>
    public Tensor SwiGlu(Tensor gate, Tensor up)
    {
        OpRules.Same("SwiGlu", ("gate", gate), ("up", up));
        return Run("SwiGlu", gate.Shape,
            () => torch.nn.functional.silu(Of("SwiGlu", gate)).mul_(Of("SwiGlu", up)));
    }

    /// <inheritdoc/>
    public Tensor SumTo(Tensor x, Shape shape)
    {
        OpRules.SumTo(x, shape);
        int extra = x.Rank - shape.Rank;
        long[] axes = [.. Enumerable.Range(0, x.Rank)
            .Where(i => i < extra || (shape[i - extra] == 1 && x.Shape[i] != 1)).Select(i => (long)i)];
        return Run("SumTo", shape, () => axes.Length == 0
            ? Of("SumTo", x).clone()
            : Of("SumTo", x).sum(axes.AsSpan()));
    }

    /// <inheritdoc/>
    public Tensor Sum(Tensor x, int axis)
    {
        (int at, Shape shape) = OpRules.Reduce("Sum", x, axis, mean: false);
        return Run("Sum", shape, () => Of("Sum", x).sum(at));
    }

    /// <inheritdoc/>
    public Tensor Mean(Tensor x, int axis)
    {
        (int at, Shape shape) = OpRules.Reduce("Mean", x, axis, mean: true);
        return Run("Mean", shape, () => Of("Mean", x).mean([at]));
    }

    /// <inheritdoc/>
    public int[] ArgMax(Tensor x)
    {
        OpRules.ArgMax(x);
        int[] result = new int[OpRules.RowsOf(x.Shape)];
        if (result.Length > 0)
        {
            Do("ArgMax", () =>
            {
                TorchTensor best = Of("ArgMax", x).view(result.Length, x.Shape[-1]).argmax(-1).cpu();
                ReadOnlySpan<long> numbers = MemoryMarshal.Cast<byte, long>(best.bytes);
                for (int i = 0; i < result.Length; i++)
                {
                    result[i] = (int)numbers[i];
                }
            });
        }

        return result;
    }

    private static TorchTensor Apply(UnaryOp op, TorchTensor x) => op switch
    {
        UnaryOp.Relu => x.relu(),
        UnaryOp.Gelu => torch.nn.functional.gelu(x),
        UnaryOp.QuickGelu => x.mul(QuickGeluSlope).sigmoid().mul(x),
        UnaryOp.Silu => torch.nn.functional.silu(x),
        UnaryOp.Sigmoid => x.sigmoid(),
        UnaryOp.Tanh => x.tanh(),
        UnaryOp.Exp => x.exp(),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "Unary: no such function."),
    };
}
