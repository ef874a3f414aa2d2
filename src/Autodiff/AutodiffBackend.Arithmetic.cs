using PixSearch.Tensors;

namespace PixSearch.Autodiff;

/// <summary>Element-wise arithmetic, products of matrices, reductions, and the hook for fused losses.</summary>
public sealed partial class AutodiffBackend
{
    /// <inheritdoc/>
    public Tensor Add(Tensor a, Tensor b)
    {
        Tensor y = Inner.Add(a, b);
        GradientNode? nodeA = NodeOf(a);
        GradientNode? nodeB = NodeOf(b);
        if (nodeA is null && nodeB is null)
        {
            return y;
        }

        Shape shapeA = a.Shape;
        Shape shapeB = b.Shape;
        return Record(nameof(Add), y, dy =>
        {
            PassSummed(nodeA, dy, shapeA);
            PassSummed(nodeB, dy, shapeB);
        });
    }

    /// <inheritdoc/>
    public Tensor Subtract(Tensor a, Tensor b)
    {
        Tensor y = Inner.Subtract(a, b);
        GradientNode? nodeA = NodeOf(a);
        GradientNode? nodeB = NodeOf(b);
        if (nodeA is null && nodeB is null)
        {
            return y;
        }

        Shape shapeA = a.Shape;
        Shape shapeB = b.Shape;
        return Record(nameof(Subtract), y, dy =>
        {
            PassSummed(nodeA, dy, shapeA);
            if (nodeB is not null)
            {
                PassSummed(nodeB, Inner.Affine(dy, -1), shapeB);
            }
        });
    }

    /// <inheritdoc/>
    public Tensor Multiply(Tensor a, Tensor b)
    {
        Tensor y = Inner.Multiply(a, b);
        GradientNode? nodeA = NodeOf(a);
        GradientNode? nodeB = NodeOf(b);
        if (nodeA is null && nodeB is null)
        {
            return y;
        }

        Shape shapeA = a.Shape;
        Shape shapeB = b.Shape;
        Tensor? savedA = nodeB is null ? null : Save(a);
        Tensor? savedB = nodeA is null ? null : Save(b);
        return Record(nameof(Multiply), y, dy =>
        {
            if (savedB is not null)
            {
                PassSummed(nodeA, Inner.Multiply(dy, savedB), shapeA);
            }

            if (savedA is not null)
            {
                PassSummed(nodeB, Inner.Multiply(dy, savedA), shapeB);
            }
        });
    }

    /// <inheritdoc/>
    public Tensor Affine(Tensor x, float scale, float shift = 0)
    {
        Tensor y = Inner.Affine(x, scale, shift);
        return NodeOf(x) is not { } node
            ? y
            : Record(nameof(Affine), y, dy => Pass(node, Inner.Affine(dy, scale)));
    }

    /// <inheritdoc/>
    public Tensor Unary(Tensor x, UnaryOp op)
    {
        Tensor y = Inner.Unary(x, op);
        if (NodeOf(x) is not { } node)
        {
            return y;
        }

        Tensor savedX = Save(x);
        Tensor savedY = Save(y);
        return Record($"{nameof(Unary)}.{op}", y, dy => Pass(node, Inner.UnaryBackward(savedX, savedY, dy, op)));
    }

    /// <inheritdoc/>
    public Tensor SwiGlu(Tensor gate, Tensor up)
    {
        Tensor y = Inner.SwiGlu(gate, up);
        GradientNode? nodeGate = NodeOf(gate);
        GradientNode? nodeUp = NodeOf(up);
        if (nodeGate is null && nodeUp is null)
        {
            return y;
        }

        Tensor savedGate = Save(gate);
        Tensor savedUp = Save(up);
        return Record(nameof(SwiGlu), y, dy =>
        {
            (Tensor dGate, Tensor dUp) = Inner.SwiGluBackward(savedGate, savedUp, dy);
            Pass(nodeGate, dGate);
            Pass(nodeUp, dUp);
        });
    }

    /// <inheritdoc/>
    public Tensor MatMul(Tensor a, Tensor b, bool transposeA = false, bool transposeB = false)
    {
        Tensor y = Inner.MatMul(a, b, transposeA, transposeB);
        GradientNode? nodeA = NodeOf(a);
        GradientNode? nodeB = NodeOf(b);
        if (nodeA is null && nodeB is null)
        {
            return y;
        }

        Shape shapeA = a.Shape;
        Shape shapeB = b.Shape;
        Tensor? savedA = nodeB is null ? null : Save(a);
        Tensor? savedB = nodeA is null ? null : Save(b);
        return Record(nameof(MatMul), y, dy =>
        {
            if (savedB is not null)
            {
                // Y = A B gives dA = dY B^T; when A was read transposed its gradient is the transpose of that: B dY^T.
                Tensor gradient = transposeA
                    ? Inner.MatMul(savedB, dy, transposeA: transposeB, transposeB: true)
                    : Inner.MatMul(dy, savedB, transposeB: !transposeB);
                PassSummed(nodeA, gradient, shapeA);
            }

            if (savedA is not null)
            {
                Tensor gradient = transposeB
                    ? Inner.MatMul(dy, savedA, transposeA: true, transposeB: transposeA)
                    : Inner.MatMul(savedA, dy, transposeA: !transposeA);
                PassSummed(nodeB, gradient, shapeB);
            }
        });
    }

    /// <inheritdoc/>
    public Tensor Sum(Tensor x, int axis)
    {
        Tensor y = Inner.Sum(x, axis);
        return NodeOf(x) is not { } node ? y : RecordReduction(nameof(Sum), x.Shape, y, axis, node, 1);
    }

    /// <inheritdoc/>
    public Tensor Mean(Tensor x, int axis)
    {
        Tensor y = Inner.Mean(x, axis);
        return NodeOf(x) is not { } node ? y : RecordReduction(nameof(Mean), x.Shape, y, axis, node, 1f / x.Size(axis));
    }

    /// <summary>
    /// A computation with a backward form of its own, recorded as one operation: losses, and whatever is cheaper fused.
    /// </summary>
    /// <param name="name">For messages and timing.</param>
    /// <param name="inputs">Sources; those not tracked get no gradient.</param>
    /// <param name="forward">Computes the result on the wrapped backend.</param>
    /// <param name="backward">
    /// (sources, result, gradient of the result) to one gradient a source, each a new tensor in the source's shape;
    /// null for none.
    /// </param>
    public Tensor Custom(string name, Tensor[] inputs, Func<IGradientBackend, Tensor[], Tensor> forward,
        Func<IGradientBackend, Tensor[], Tensor, Tensor, Tensor?[]> backward)
    {
        Tensor y = forward(Inner, inputs);
        GradientNode?[] nodes = [.. inputs.Select(NodeOf)];
        if (nodes.All(node => node is null))
        {
            return y;
        }

        Tensor[] saved = [.. inputs.Select(Save)];
        Tensor savedY = Save(y);
        return Record(name, y, dy =>
        {
            Tensor?[] gradients = backward(Inner, saved, savedY, dy);
            for (int i = 0; i < nodes.Length; i++)
            {
                if (nodes[i] is not null && gradients[i] is { } gradient)
                {
                    Pass(nodes[i], gradient);
                }
            }
        });
    }

    private Tensor RecordReduction(string name, Shape source, Tensor y, int axis, GradientNode node, float scale)
    {
        Shape kept = source.With(axis, 1);
        return Record(name, y, dy =>
        {
            Tensor scaled = scale == 1 ? dy : Inner.Affine(dy, scale);
            Pass(node, Inner.Add(Inner.Zeros(source), Inner.Reshape(scaled, kept)));
        });
    }

    private void PassSummed(GradientNode? node, Tensor gradient, Shape shape)
    {
        if (node is not null)
        {
            Pass(node, gradient.Shape == shape ? gradient : Inner.SumTo(gradient, shape));
        }
    }
}
