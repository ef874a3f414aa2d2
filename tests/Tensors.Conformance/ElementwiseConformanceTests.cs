namespace PixSearch.Tensors.Conformance;

public sealed class ElementwiseConformanceTests
{
    [ConformanceFact]
    public void Unary_AllOpsAllSizes_EqualReference()
    {
        foreach (int size in Conformance.Sizes.Append(40_000))
        {
            foreach (UnaryOp op in Enum.GetValues<UnaryOp>())
            {
                Conformance.Check($"Unary {op} {size}", (ulong)size, (b, n) =>
                {
                    Tensor x = b.Affine(n.Tensor(b, size), 6);
                    Tensor y = b.Unary(x, op);
                    return [y, b.UnaryBackward(x, y, n.Tensor(b, size), op)];
                });
            }
        }
    }

    [ConformanceTheory]
    [InlineData(-1000f)]
    [InlineData(-88f)]
    [InlineData(-87.3f)]
    [InlineData(0f)]
    [InlineData(88.5f)]
    [InlineData(1000f)]
    [InlineData(float.PositiveInfinity)]
    public void Unary_ExtremeArguments_StayFiniteWhereTheFunctionIs(float x)
    {
        foreach (string name in BackendsUnderTest.Names)
        {
            using IGradientBackend backend = BackendsUnderTest.Create(name);
            using var scope = new TensorScope();
            Tensor source = backend.From([x], new Shape(1));
            Assert.Equal(1 / (1 + Math.Exp(-x)),
                Conformance.Numbers(backend, backend.Unary(source, UnaryOp.Sigmoid))[0], 6);
            Assert.Equal(Math.Tanh(x), Conformance.Numbers(backend, backend.Unary(source, UnaryOp.Tanh))[0], 6);
            float exp = Conformance.Numbers(backend, backend.Unary(source, UnaryOp.Exp))[0];
            Assert.Equal(float.IsPositiveInfinity((float)Math.Exp(x)), float.IsPositiveInfinity(exp));
        }
    }

    [ConformanceFact]
    public void Unary_NotANumber_StaysVisible()
    {
        foreach (string name in BackendsUnderTest.Names)
        {
            using IGradientBackend backend = BackendsUnderTest.Create(name);
            using var scope = new TensorScope();
            Tensor source = backend.From([1, float.NaN, 2], new Shape(3));
            foreach (UnaryOp op in Enum.GetValues<UnaryOp>())
            {
                Assert.True(float.IsNaN(Conformance.Numbers(backend, backend.Unary(source, op))[1]), $"{name} {op}");
            }

            Assert.True(float.IsNaN(Conformance.Numbers(backend, backend.Softmax(source))[0]), name);
        }
    }

    [ConformanceFact]
    public void SwiGlu_AllSizes_EqualReference()
    {
        foreach (int size in Conformance.Sizes.Append(40_000))
        {
            Conformance.Check($"SwiGlu {size}", (ulong)size, (b, n) =>
            {
                Tensor gate = b.Affine(n.Tensor(b, size), 5);
                Tensor up = n.Tensor(b, size);
                (Tensor dGate, Tensor dUp) = b.SwiGluBackward(gate, up, n.Tensor(b, size));
                return [b.SwiGlu(gate, up), dGate, dUp];
            });
        }
    }

    [ConformanceTheory]
    [InlineData("3,5,7", "3,5,7")]
    [InlineData("3,5,7", "7")]
    [InlineData("3,5,33", "5,1")]
    [InlineData("1,5,16", "3,1,16")]
    [InlineData("2,17,1,40", "2,1,9,40")]
    [InlineData("2,3", "1")]
    [InlineData("300,257", "257")]
    [InlineData("300,257", "300,1")]
    [InlineData("4,1,1,6", "1,5,7,1")]
    public void Binary_Broadcast_EqualsReference(string left, string right)
    {
        int[] a = [.. left.Split(',').Select(int.Parse)];
        int[] c = [.. right.Split(',').Select(int.Parse)];
        Conformance.Check($"Binary {left} {right}", 7, (b, n) =>
        {
            Tensor x = n.Tensor(b, a);
            Tensor y = n.Tensor(b, c);
            Tensor sum = b.Add(x, y);
            return [sum, b.Subtract(x, y), b.Multiply(x, y), b.Multiply(y, x), b.SumTo(sum, x.Shape),
                b.SumTo(sum, y.Shape)];
        });
    }

    [ConformanceTheory]
    [InlineData("5,7,9", "0,2,1")]
    [InlineData("5,7,9", "2,1,0")]
    [InlineData("3,40,8,32", "0,2,1,3")]
    [InlineData("3,40,8,32", "0,3,1,2")]
    [InlineData("3,16,10,12", "0,2,3,1")]
    [InlineData("2,3,4,5,6,7", "5,0,4,1,3,2")]
    [InlineData("2,1,4,1", "3,2,1,0")]
    [InlineData("130,65", "1,0")]
    [InlineData("300,70", "1,0")]      // rows of the result 1 KB apart
    [InlineData("2,130,3,300,20", "0,2,1,3,4")]
    public void Permute_AnyOrder_EqualsReference(string sizes, string axes)
    {
        int[] shape = [.. sizes.Split(',').Select(int.Parse)];
        int[] order = [.. axes.Split(',').Select(int.Parse)];
        Conformance.Check($"Permute {sizes} by {axes}", 11, (b, n) => [b.Permute(n.Tensor(b, shape), order)], 0);
    }

    [ConformanceFact]
    public void Sums_EveryAxis_EqualReference() => Conformance.Check("Sum", 5, (b, n) =>
    {
        Tensor x = n.Tensor(b, 7, 130, 33);
        return [b.Sum(x, 0), b.Sum(x, 1), b.Sum(x, 2), b.Mean(x, 0), b.Mean(x, 1), b.Mean(x, -1)];
    });

    [ConformanceFact]
    public void Rows_GatherScatterSlicePadConcat_EqualReference() => Conformance.Check("Rows", 6, (b, n) =>
    {
        using Weight words = n.Weight(b, 4, 6);
        Tensor table = n.Tensor(b, 9, 3, 5);
        int[] indices = [0, 8, -1, 3, 3];
        Tensor rows = b.Gather(table, indices);
        Tensor sums = b.Zeros(table.Shape);
        b.ScatterAdd(rows, indices, sums);
        return
        [
            rows, sums, b.Slice(table, 0, 2, 4), b.Slice(table, 1, 1, 2), b.Slice(table, 2, 3, 1),
            b.Pad(table, 1, 2, 1), b.Concat(1, table, b.Pad(table, 1, 0, 2)), b.Embedding(words, [3, -1, 0]),
        ];
    });

    [ConformanceTheory]
    [InlineData(7, 3, 5)]
    [InlineData(300, 40, 19)]
    [InlineData(3, 5, 70_000)]
    public void Slices_CutPaddedJoinedAndAddedTo_EqualReference(int rows, int columns, int inner) =>
        Conformance.Check($"Slices {rows} {columns} {inner}", 61, (b, n) =>
        {
            Tensor x = n.Tensor(b, rows, columns, inner);
            Tensor sum = n.Tensor(b, rows, columns + 3, inner);
            b.AddIntoSlice(sum, 1, 2, x);
            Tensor last = n.Tensor(b, rows, columns, inner + 1);
            b.AddIntoSlice(last, -1, 1, x);
            return [sum, last, b.Slice(x, 1, 1, columns - 1), b.Slice(x, 2, 1, inner - 2), b.Pad(x, 2, 1, 17),
                b.Concat(2, x, x), b.Concat(0, x, x)];
        });
}
