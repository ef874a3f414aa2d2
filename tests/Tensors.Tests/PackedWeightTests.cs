namespace PixSearch.Tensors.Tests;

public sealed class PackedWeightTests
{
    /// <summary>
    /// Against the same product with the plain F32 weight, relative to the root mean square of the result: F32 differs
    /// by rounding, BF16 by 2^-9 a weight, Q8 by half of 1/127 of a block's largest weight.
    /// </summary>
    [Theory]
    [InlineData(WeightType.F32, 1e-5f)]
    [InlineData(WeightType.BF16, 6e-3f)]
    [InlineData(WeightType.Q8, 1.5e-2f)]
    public void Linear_PackedWeight_StaysWithinTheTypesTolerance(WeightType type, float tolerance)
    {
        foreach (string kernels in CpuBackend.KernelNames)
        {
            foreach ((int rows, int input, int output) in new[] { (1, 5, 3), (1, 64, 33), (7, 100, 70), (20, 900, 65),
                (3, 32, 32) })
            {
                using var backend = new CpuBackend(kernels);
                using (new TensorScope())
                {
                    var numbers = new TestNumbers(5);
                    using Weight weight = numbers.Weight(backend, output, input);
                    Tensor x = numbers.Tensor(backend, rows, input);
                    Tensor expected = backend.Linear(x, weight);
                    backend.Prepare(weight, type);
                    Assert.Null(weight.Plain);
                    Assert.Equal(type, weight.Type);
                    Tensor actual = backend.Linear(x, weight);
                    double square = 0;
                    double error = 0;
                    for (int i = 0; i < expected.Count; i++)
                    {
                        square += expected.Span[i] * expected.Span[i];
                        error += Math.Pow(expected.Span[i] - actual.Span[i], 2);
                    }

                    Assert.True(Math.Sqrt(error / square) <= tolerance,
                        $"{kernels} {type} [{rows}, {input}] -> {output}: relative error {Math.Sqrt(error / square)}");
                }

                Assert.Equal(0, backend.Memory.OutstandingCount);
            }
        }
    }

    [Theory]
    [InlineData(WeightType.F32, 0f)]
    [InlineData(WeightType.BF16, 1f / 256)]
    [InlineData(WeightType.Q8, 0.5f / 127)]
    public void UseAndEmbedding_PackedWeight_GiveTheStoredNumbers(WeightType type, float tolerance)
    {
        foreach (string kernels in CpuBackend.KernelNames)
        {
            using var backend = new CpuBackend(kernels);
            using var scope = new TensorScope();
            using Weight weight = new TestNumbers(8).Weight(backend, 37, 45);
            float[] plain = weight.Plain!.Span.ToArray();
            backend.Prepare(weight, type);
            ReadOnlySpan<float> widened = backend.Use(weight).Span;
            ReadOnlySpan<float> rows = backend.Embedding(weight, [36, -1, 0]).Span;
            for (int i = 0; i < plain.Length; i++)
            {
                Assert.True(Math.Abs(plain[i] - widened[i]) <= tolerance + 1e-6f, $"{kernels} {type} element {i}");
            }

            Assert.Equal(widened[(36 * 45)..].ToArray(), rows[..45].ToArray());
            Assert.Equal(new float[45], rows[45..90].ToArray());
            Assert.Equal(widened[..45].ToArray(), rows[90..].ToArray());
        }
    }

    [Fact]
    public void Linear_WeightPackedAndDroppedByOtherKernels_SaysSo()
    {
        using var first = new CpuBackend(CpuBackend.KernelNames[0]);
        using var second = new ReferenceBackend();
        using var scope = new TensorScope();
        using Weight weight = new TestNumbers(8).Weight(first, 4, 4);
        first.Prepare(weight, WeightType.BF16);
        Tensor x = second.Zeros(new Shape(1, 4));
        Assert.Contains("packed by another backend",
            Assert.Throws<InvalidOperationException>(() => second.Linear(x, weight)).Message, StringComparison.Ordinal);
    }
}
