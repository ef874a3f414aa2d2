using System.Buffers;
using PixSearch.Tensors;

namespace PixSearch.Torch;

public sealed partial class TorchBackend
{
    // Numbers that a weight's reader gives at a time (4 MB), as on the CPU engine.
    private const int LoadElements = 1 << 20;

    /// <inheritdoc/>
    public Tensor Use(Weight weight) => weight.Plain is { } plain
        ? plain.View(0, weight.Shape)
        : Run("Use", weight.Shape, () => PackedOf(weight).to(ScalarType.Float32));

    /// <inheritdoc/>
    public Weight Load(string name, Shape shape, WeightType? packed, WeightReader read)
    {
        bool half = packed is WeightType.BF16 or WeightType.Q8 && shape.Rank == 2 && shape.Count > 0;
        if (!half)
        {
            Tensor plain = Empty(shape);
            try
            {
                Do("Load", () => Fill(Of("Load", plain), shape.Count, read));
                return new Weight(name, plain);
            }
            catch
            {
                plain.Dispose();
                throw;
            }
        }

        _memory.Take(shape.Count, sizeof(ushort));
        TorchTensor? numbers = null;
        try
        {
            Do("Load", () =>
            {
                numbers = New(shape, ScalarType.BFloat16).DetachFromDisposeScope();
                Fill(numbers, shape.Count, read);
            });
            return new Weight(name, shape, WeightType.BF16, new TorchWeight(_memory, _where, numbers!));
        }
        catch
        {
            numbers?.Dispose();
            _memory.Return(shape.Count, sizeof(ushort));
            throw;
        }
    }

    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, Weight? bias = null)
    {
        const string Op = "Linear";
        OpRules.Linear(Op, x.Shape, "x", weight, inputSide: true);
        OpRules.Vector(Op, bias, weight.Shape[0], "bias", "out");
        return Run(Op, x.Shape.With(-1, weight.Shape[0]), () =>
        {
            TorchTensor from = Of(Op, x);
            TorchTensor? add = bias is null ? null : Widened(Op, bias).view(weight.Shape[0]);
            if (weight.Plain is { } plain)
            {
                return torch.nn.functional.linear(from, Of(Op, plain), add);
            }

            TorchTensor y = torch.nn.functional.linear(from.to(ScalarType.BFloat16), PackedOf(weight))
                .to(ScalarType.Float32);
            return add is null ? y : y.add_(add);
        });
    }

    /// <inheritdoc/>
    public Tensor MatMul(Tensor a, Tensor b, bool transposeA = false, bool transposeB = false)
    {
        const string Op = "MatMul";
        MatMulSizes sizes = OpRules.MatMul(a, b, transposeA, transposeB);
        return Run(Op, sizes.Result, () =>
        {
            TorchTensor left = Of(Op, a);
            TorchTensor right = Of(Op, b);
            return torch.matmul(transposeA ? left.transpose(-2, -1) : left,
                transposeB ? right.transpose(-2, -1) : right);
        });
    }

    // Numbers of a weight, read in pieces and converted on the device.
    private void Fill(TorchTensor destination, int count, WeightReader read)
    {
        TorchTensor flat = destination.view(count);
        float[] piece = ArrayPool<float>.Shared.Rent(Math.Min(LoadElements, count));
        try
        {
            for (int start = 0; start < count; start += LoadElements)
            {
                using DisposeScope scope = torch.NewDisposeScope();
                int length = Math.Min(LoadElements, count - start);
                read(start, piece.AsSpan(0, length));
                TorchTensor host = Host("Load", new ReadOnlySpan<float>(piece, 0, length), ScalarType.Float32);
                flat.narrow(0, start, length).copy_(Sent(host));
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(piece);
        }
    }

    // A weight as F32 in its shape, in the open scope.
    private TorchTensor Widened(string op, Weight weight) =>
        weight.Plain is { } plain ? Of(op, plain) : PackedOf(weight).to(ScalarType.Float32);

    private TorchTensor PackedOf(Weight weight) => weight.Packed is TorchWeight packed && packed.Device == _where
        ? packed.Numbers
        : throw new InvalidOperationException(
            $"Weight {weight} was packed by another backend and its plain form was dropped.");
}
