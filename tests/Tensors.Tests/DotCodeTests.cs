namespace PixSearch.Tensors.Tests;

/// <summary>
/// Kernels in machine code against their formulas. Those for Q8 give the integers of <see cref="QuantisedTests"/>,
/// whose cases run on every kernel set; here are those for BF16, and what both have in common.
/// </summary>
public sealed class DotCodeTests
{
    /// <summary>
    /// Whole numbers have no rounding to hide behind: every height of tile, sizes around steps and panels.
    /// </summary>
    [Fact]
    public void Linear_BF16WholeNumbers_EveryKernelSetIsExact()
    {
        foreach (string kernels in CpuBackend.KernelNames)
        {
            using var backend = new CpuBackend(kernels);
            foreach (int rows in new[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 24, 25, 40 })
            {
                foreach ((int input, int output) in new[] { (1, 1), (2, 31), (7, 32), (8, 33), (9, 70), (100, 64),
                    (515, 96) })
                {
                    using var scope = new TensorScope();
                    float[] x = Whole(rows * input, 1);
                    float[] w = Whole(output * input, 2);
                    using Weight weight = new("w", backend.From(w, new Shape(output, input)));
                    using Weight bias = new("b", backend.From(Whole(output, 3), new Shape(output)));
                    float[] expected = Formula(x, w, bias.Plain!.Span.ToArray(), input);
                    backend.Prepare(weight, WeightType.BF16);
                    Tensor y = backend.Linear(backend.From(x, new Shape(rows, input)), weight, bias);
                    Assert.True(expected.AsSpan().SequenceEqual(y.Span), $"{kernels} [{rows}, {input}] -> {output}");
                }
            }
        }
    }

    /// <summary>Activations become the nearest BF16, ties to even, and what is not a number stays that.</summary>
    [Theory]
    [InlineData(1.00390625f, 1f)]
    [InlineData(1.01171875f, 1.015625f)]
    [InlineData(-1.0040f, -1.0078125f)]
    [InlineData(3.3895314e38f, 3.3895314e38f)]
    [InlineData(3.4e38f, float.PositiveInfinity)]
    [InlineData(float.NaN, float.NaN)]
    [InlineData(float.NegativeInfinity, float.NegativeInfinity)]
    public void Linear_BF16DotProducts_RoundActivations(float number, float rounded)
    {
        if (DotCode.Instance is not { HasBF16: true })
        {
            return; // This machine has no such kernels.
        }

        using var backend = new CpuBackend("avx512-dot");
        using var scope = new TensorScope();
        using Weight one = new("w", backend.From([1f], new Shape(1, 1)));
        backend.Prepare(one, WeightType.BF16);
        for (int rows = 1; rows <= 13; rows++)
        {
            float[] x = [.. Enumerable.Repeat(number, rows)];
            Assert.All(backend.Linear(backend.From(x, new Shape(rows, 1)), one).Span.ToArray(),
                y => Assert.Equal(rounded, y));
        }
    }

    /// <summary>Nothing to multiply: the bias, or zeros.</summary>
    [Theory]
    [InlineData(WeightType.F32)]
    [InlineData(WeightType.BF16)]
    [InlineData(WeightType.Q8)]
    public void Linear_NoInput_GivesTheBias(WeightType type)
    {
        foreach (string kernels in CpuBackend.KernelNames)
        {
            using var backend = new CpuBackend(kernels);
            using var scope = new TensorScope();
            using Weight weight = new("w", backend.Zeros(new Shape(3, 0)));
            using Weight bias = new("b", backend.From([1, 2, 3], new Shape(3)));
            backend.Prepare(weight, type);
            Tensor x = backend.Zeros(new Shape(2, 0));
            Assert.Equal([1f, 2, 3, 1, 2, 3], backend.Linear(x, weight, bias).Span.ToArray());
            Assert.Equal(new float[6], backend.Linear(x, weight).Span.ToArray());
        }
    }

    /// <summary>Rounding a block again changes nothing, so that a converted file and its weight are the same.</summary>
    [Fact]
    public void Q8Block_RoundedTwice_KeepsItsBits()
    {
        var numbers = new TestNumbers(23);
        float[] block = new float[Q8Block.Size];
        for (int round = 0; round < 2000; round++)
        {
            float size = MathF.Pow(10, 20 * numbers.Next());
            foreach (ref float x in block.AsSpan())
            {
                x = numbers.Next() * size;
            }

            ushort scale = Q8Block.Scale(block);
            sbyte[] stored = [.. block.Select(x => Q8Block.Round(x, scale))];
            float[] read = [.. stored.Select(x => x * BFloat16.Widen(scale))];
            Assert.Equal(scale, Q8Block.Scale(read));
            Assert.Equal(stored, read.Select(x => Q8Block.Round(x, scale)));
            Assert.All(block.Zip(read),
                pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 0.76f * BFloat16.Widen(scale)));
        }
    }

    private static float[] Whole(int count, ulong seed)
    {
        var numbers = new TestNumbers(seed);
        return [.. Enumerable.Range(0, count).Select(_ => MathF.Round(8 * numbers.Next()))];
    }

    private static float[] Formula(float[] x, float[] weight, float[] bias, int input)
    {
        int rows = x.Length / input;
        float[] y = new float[rows * bias.Length];
        for (int i = 0; i < y.Length; i++)
        {
            (int row, int column) = (i / bias.Length, i % bias.Length);
            y[i] = bias[column];
            for (int k = 0; k < input; k++)
            {
                y[i] += x[(row * input) + k] * weight[(column * input) + k];
            }
        }

        return y;
    }
}
