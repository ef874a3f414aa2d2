using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PixSearch.Tensors.Tests;

/// <summary>
/// Products with Q8 weights are integer sums, so every vector kernel set must give the bits of the formula: whatever
/// this machine cannot run (AVX-VNNI, AVX-512, AdvSimd) is held to the same integers where it can.
/// </summary>
public sealed unsafe class QuantisedTests
{
    private const int Block = 32;

    [Fact]
    public void DotPairs_EveryInstructionSet_GivesTheIntegersOfTheFormula()
    {
        Dots<SimdScalar, float>();
        Dots<Simd128, Vector128<float>>();
        if (Avx2.IsSupported)
        {
            Dots<Simd256, Vector256<float>>();
        }

        if (Avx512BW.IsSupported)
        {
            Dots<Simd512, Vector512<float>>();
        }
    }

    [Theory]
    [InlineData(1, 32, 16)]
    [InlineData(1, 5, 3)]
    [InlineData(2, 64, 33)]
    [InlineData(3, 100, 64)]
    [InlineData(5, 33, 40)]
    [InlineData(7, 96, 7)]
    [InlineData(12, 70, 65)]
    [InlineData(29, 900, 70)]
    public void Linear_Q8_EveryVectorKernelSetGivesTheBitsOfTheFormula(int rows, int input, int output)
    {
        foreach (string kernels in CpuBackend.KernelNames)
        {
            using var backend = new CpuBackend(kernels);
            using (new TensorScope())
            {
                var numbers = new TestNumbers((ulong)(rows + input));
                using Weight weight = numbers.Weight(backend, output, input);
                using Weight bias = numbers.Weight(backend, output);
                Tensor x = numbers.Tensor(backend, rows, input);
                float[] plain = weight.Plain!.Span.ToArray();
                backend.Prepare(weight, WeightType.Q8);
                float[] actual = backend.Linear(x, weight, bias).Span.ToArray();
                float[] expected = Formula(x.Span.ToArray(), plain, bias.Plain!.Span.ToArray(), input);
                if (kernels == "scalar")
                {
                    // Its multiply-add rounds twice, so that the sum over blocks may differ in the last bits.
                    Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 2e-6 * input));
                    continue;
                }

                Assert.True(expected.AsSpan().SequenceEqual(actual), $"{kernels} [{rows}, {input}] -> {output}");
            }

            Assert.Equal(0, backend.Memory.OutstandingCount);
        }
    }

    /// <summary>What a row gives does not depend on the rows that are computed with it.</summary>
    [Theory]
    [InlineData(WeightType.F32)]
    [InlineData(WeightType.BF16)]
    [InlineData(WeightType.Q8)]
    public void Linear_RowAloneAndAmongOthers_SameBits(WeightType type)
    {
        foreach (string kernels in CpuBackend.KernelNames)
        {
            using var backend = new CpuBackend(kernels);
            using var scope = new TensorScope();
            var numbers = new TestNumbers(11);
            using Weight weight = numbers.Weight(backend, 300, 500);
            using Weight bias = numbers.Weight(backend, 300);
            Tensor x = numbers.Tensor(backend, 30, 500);
            backend.Prepare(weight, type);
            float[] all = backend.Linear(x, weight, bias).Span.ToArray();
            foreach (int count in new[] { 1, 2, 3, 7 })
            {
                float[] some = backend.Linear(backend.Slice(x, 0, 4, count), weight, bias).Span.ToArray();
                Assert.True(all.AsSpan(4 * 300, count * 300).SequenceEqual(some), $"{kernels} {type} {count} rows");
            }
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Linear_Q8NumberThatIsNotFinite_MakesItsRowNotANumberAndNoOther(float bad)
    {
        foreach (string kernels in CpuBackend.KernelNames)
        {
            using var backend = new CpuBackend(kernels);
            using var scope = new TensorScope();
            var numbers = new TestNumbers(3);
            using Weight weight = numbers.Weight(backend, 20, 70);
            Tensor x = numbers.Tensor(backend, 3, 70);
            x.Span[70 + 40] = bad;
            backend.Prepare(weight, WeightType.Q8);
            float[] y = backend.Linear(x, weight).Span.ToArray();
            Assert.All(y[20..40], value => Assert.True(float.IsNaN(value), kernels));
            Assert.All(y[..20].Concat(y[40..]), value => Assert.True(float.IsFinite(value), kernels));
        }
    }

    /// <summary>
    /// Activations lose 2^-16 of their row's largest: against the same product with the stored weights in double.
    /// </summary>
    [Fact]
    public void Linear_Q8_ActivationsLoseNextToNothing()
    {
        using var backend = new CpuBackend();
        using var scope = new TensorScope();
        var numbers = new TestNumbers(17);
        using Weight weight = numbers.Weight(backend, 64, 1024);
        Tensor x = numbers.Tensor(backend, 9, 1024);
        backend.Prepare(weight, WeightType.Q8);
        float[] stored = backend.Use(weight).Span.ToArray();
        float[] actual = backend.Linear(x, weight).Span.ToArray();
        double square = 0;
        double error = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            double exact = 0;
            for (int k = 0; k < 1024; k++)
            {
                exact += (double)x.Span[(i / 64 * 1024) + k] * stored[(i % 64 * 1024) + k];
            }

            square += exact * exact;
            error += (exact - actual[i]) * (exact - actual[i]);
        }

        Assert.InRange(Math.Sqrt(error / square), 0, 3e-5);
    }

    private static void Dots<S, V>()
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        // Corners first: the largest products, and what would saturate in 16 bits.
        (int X0, int X1, int Y0, int Y1, int Sum)[] corners =
        [
            (127, 127, 32767, 32767, 0), (-127, -127, 32767, 32767, 5), (-127, 127, -32767, 32767, -9),
            (127, -127, 32767, 32767, 1 << 30), (-128, -128, -32767, -32767, 0), (0, 1, -1, -1, 3),
        ];
        var random = new Random(4); // tidy: a fixed seed
        for (int round = 0; round < 200; round++)
        {
            int[] sums = new int[S.Width];
            int[] expected = new int[S.Width];
            sbyte[] x = new sbyte[2 * S.Width];
            short[] y = new short[2 * S.Width];
            for (int lane = 0; lane < S.Width; lane++)
            {
                (int x0, int x1, int y0, int y1, int sum) = round < 50
                    ? corners[(round + lane) % corners.Length]
                    : (random.Next(-127, 128), random.Next(-127, 128), random.Next(-32767, 32768),
                        random.Next(-32767, 32768), random.Next(-1 << 20, 1 << 20));
                (x[2 * lane], x[(2 * lane) + 1], y[2 * lane], y[(2 * lane) + 1], sums[lane]) =
                    ((sbyte)x0, (sbyte)x1, (short)y0, (short)y1, sum);
                expected[lane] = sum + (x0 * y0) + (x1 * y1);
            }

            int[] actual = new int[S.Width];
            float[] floats = new float[S.Width];
            fixed (sbyte* px = x)
            fixed (short* py = y)
            fixed (int* from = sums, to = actual)
            fixed (float* pf = floats)
            {
                V dots = S.DotPairs(S.Load((float*)from), S.LoadPairs(px), S.Load((float*)py));
                S.Store((float*)to, dots);
                S.Store(pf, S.ToFloats(dots));
            }

            Assert.Equal(expected, actual);
            Assert.Equal(expected.Select(value => (float)value), floats);
        }
    }

    // y = x W^T + bias as written down: integers of 8 bits in blocks of 32, and of 16 bits in rows.
    private static float[] Formula(float[] x, float[] weight, float[] bias, int input)
    {
        int rows = x.Length / input;
        float[] y = new float[rows * bias.Length];
        for (int row = 0; row < rows; row++)
        {
            (float scaleX, int[] integersX) = RoundTo16Bits(x.AsSpan(row * input, input));
            for (int column = 0; column < bias.Length; column++)
            {
                float sum = 0;
                for (int k = 0; k < input; k += Block)
                {
                    int count = Math.Min(Block, input - k);
                    (float scale, int[] integers) = RoundTo8Bits(weight.AsSpan((column * input) + k, count));
                    int dot = integers.Zip(integersX[k..(k + count)], (a, b) => a * b).Sum();
                    sum = MathF.FusedMultiplyAdd(dot, scale, sum);
                }

                y[(row * bias.Length) + column] = MathF.FusedMultiplyAdd(sum, scaleX, bias[column]);
            }
        }

        return y;
    }

    private static (float Scale, int[] Integers) RoundTo16Bits(ReadOnlySpan<float> values)
    {
        const int most = 32767;
        float scale = Largest(values) * (1f / most);
        float inverse = scale == 0 ? 0 : 1 / scale;
        int[] integers = new int[values.Length];
        for (int i = 0; i < integers.Length; i++)
        {
            integers[i] = (int)MathF.Round(values[i] * inverse);
        }

        return (scale, integers);
    }

    private static (float Scale, int[] Integers) RoundTo8Bits(ReadOnlySpan<float> values)
    {
        const int most = 127;

        // The nearer of the two floats around it whose lower 16 bits are zero; of equally near ones the even one.
        float exact = Largest(values) / most;
        uint below = BitConverter.SingleToUInt32Bits(exact) & 0xFFFF0000u;
        float low = BitConverter.UInt32BitsToSingle(below);
        float high = BitConverter.UInt32BitsToSingle(below + 0x10000u);
        bool isLow = exact - low < high - exact || (exact - low == high - exact && (below & 0x10000u) == 0);
        float scale = isLow ? low : high;
        int[] integers = new int[values.Length];
        for (int i = 0; i < integers.Length; i++)
        {
            integers[i] = scale == 0 ? 0 : Math.Clamp((int)MathF.Round(values[i] / scale), -most, most);
        }

        return (scale, integers);
    }

    private static float Largest(ReadOnlySpan<float> values)
    {
        float largest = 0;
        foreach (float value in values)
        {
            largest = MathF.Max(largest, MathF.Abs(value));
        }

        return largest;
    }
}
