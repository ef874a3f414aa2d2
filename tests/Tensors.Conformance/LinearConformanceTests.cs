namespace PixSearch.Tensors.Conformance;

public sealed class LinearConformanceTests
{
    [ConformanceTheory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void MatMul_AllSizes_EqualsReference(bool transposeA, bool transposeB)
    {
        int[] sizes = [1, 2, 3, 5, 7, 12, 13, 33, 65];
        foreach (int m in sizes)
        {
            foreach (int n in new[] { 1, 15, 16, 31, 33, 64, 100 })
            {
                foreach (int k in new[] { 1, 8, 33, 800 })
                {
                    Conformance.Check($"MatMul {m} {n} {k}", (ulong)((m * 10007) + (n * 101) + k), (b, numbers) =>
                    [
                        b.MatMul(transposeA ? numbers.Tensor(b, k, m) : numbers.Tensor(b, m, k),
                            transposeB ? numbers.Tensor(b, n, k) : numbers.Tensor(b, k, n), transposeA, transposeB),
                    ]);
                }
            }
        }
    }

    [ConformanceFact]
    public void MatMul_Batches_EqualReference() => Conformance.Check("MatMul batches", 3, (b, n) =>
    {
        Tensor a = n.Tensor(b, 2, 3, 17, 20);
        Tensor c = n.Tensor(b, 2, 3, 20, 9);
        Tensor shared = n.Tensor(b, 20, 9);
        return
        [
            b.MatMul(a, c), b.MatMul(a, shared), b.MatMul(n.Tensor(b, 4, 17), b.Reshape(a, new Shape(6, 17, 20))),
            b.MatMul(a, shared, transposeA: false), b.MatMul(c, shared, transposeB: true, transposeA: false),
            b.MatMul(a, n.Tensor(b, 17, 5), transposeA: true),
        ];
    });

    [ConformanceTheory]
    [InlineData(30, 1, 300, 16)]
    [InlineData(7, 3, 65, 450)]
    [InlineData(50, 13, 40, 9)]
    [InlineData(20, 33, 31, 800)]
    public void MatMul_ManySmallProducts_EqualReference(int batch, int m, int n, int k) =>
        Conformance.Check($"MatMul {batch} of {m} {n} {k}", 12, (b, numbers) =>
        {
            Tensor a = numbers.Tensor(b, batch, m, k);
            Tensor aTurned = numbers.Tensor(b, batch, k, m);
            Tensor c = numbers.Tensor(b, batch, k, n);
            Tensor cTurned = numbers.Tensor(b, batch, n, k);
            return [b.MatMul(a, c), b.MatMul(aTurned, c, true), b.MatMul(a, cTurned, false, true),
                b.MatMul(aTurned, cTurned, true, true)];
        });

    [ConformanceFact]
    public void Linear_ForwardAndBackward_EqualReference()
    {
        foreach (int rows in new[] { 1, 2, 4, 7, 13, 200 })
        {
            foreach ((int input, int output) in new[] { (5, 3), (32, 64), (100, 33), (900, 70) })
            {
                Conformance.Check($"Linear {rows} {input} {output}", (ulong)((rows * 7919) + input), (b, n) =>
                {
                    using Weight weight = n.Weight(b, output, input);
                    using Weight bias = n.Weight(b, output);
                    Tensor x = n.Tensor(b, rows, input);
                    Tensor dy = n.Tensor(b, rows, output);
                    Tensor dWeight = n.Tensor(b, output, input);
                    Tensor dBias = n.Tensor(b, output);
                    b.LinearBackwardWeight(x, dy, dWeight, dBias);
                    return [b.Linear(x, weight, bias), b.Linear(x, weight), b.LinearBackwardInput(dy, weight), dWeight,
                        dBias];
                });
            }
        }
    }

    /// <summary>Shapes that are cut into tasks: by rows, by columns with rows packed once for all, and both.</summary>
    [ConformanceTheory]
    [InlineData(500, 70, 400)]
    [InlineData(110, 300, 800)]
    [InlineData(1, 300, 800)]
    [InlineData(16, 700, 500)]
    [InlineData(59, 1100, 90)]
    public void MatMul_ManyTasks_EqualsReference(int m, int n, int k) =>
        Conformance.Check($"MatMul {m} {n} {k}", 11, (b, numbers) =>
        [
            b.MatMul(numbers.Tensor(b, m, k), numbers.Tensor(b, k, n)),
            b.MatMul(numbers.Tensor(b, k, m), numbers.Tensor(b, n, k), transposeA: true, transposeB: true),
        ]);

    [ConformanceFact]
    public void Linear_WeightChangedWithNewVersion_UsesNewNumbers()
    {
        foreach (string name in BackendsUnderTest.Names)
        {
            using IGradientBackend backend = BackendsUnderTest.Create(name);
            using var scope = new TensorScope();
            using var weight = new Weight("w", backend.From([2], new Shape(1, 1)));
            Tensor x = backend.From([3], new Shape(1, 1));
            Assert.Equal(6, Conformance.Numbers(backend, backend.Linear(x, weight))[0]);
            backend.AddInto(weight.Plain!, backend.From([3], new Shape(1, 1)));
            weight.Version++;
            Assert.Equal(15, Conformance.Numbers(backend, backend.Linear(x, weight))[0]);
        }
    }
}
