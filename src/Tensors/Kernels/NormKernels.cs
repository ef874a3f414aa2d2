using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>What a norm subtracts and where its gradients go.</summary>
internal unsafe struct NormArguments
{
    /// <summary>Shape: [rows, width].</summary>
    public float* X;

    /// <summary>Shape: [width].</summary>
    public float* Scale;

    /// <summary>Shape: [width]; null: RMSNorm, which neither centres nor shifts.</summary>
    public float* Shift;

    /// <summary>Gradient of the result. Shape: [rows, width].</summary>
    public float* Dy;

    /// <summary>Result (forward) or gradient of x (backward). Shape: [rows, width].</summary>
    public float* Y;

    public float Epsilon;
    public int Rows;
    public int Width;

    /// <summary>Whether the mean is subtracted: LayerNorm.</summary>
    public bool Centred;
}

/// <summary>
/// RMSNorm and LayerNorm over the innermost dimension, forward and backward, in two passes over a row in the cache.
/// </summary>
internal static unsafe class NormKernels
{
    private const int TaskElements = 16384;
    private const int ChunksMax = 16;

    /// <summary>y = norm(x).</summary>
    public static void Forward<S, V>(WorkerPool pool, NormArguments arguments)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int each = Math.Max(1, TaskElements / arguments.Width);
        pool.Run(new ForwardJob<S, V> { Arguments = arguments, RowsEach = each }, (arguments.Rows + each - 1) / each);
    }

    /// <summary>dx, and dScale, dShift += (either may be null).</summary>
    public static void Backward<S, V>(CpuContext context, NormArguments arguments, float* dScale, float* dShift)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        // At most 16 chunks, by rows alone: their partial sums are added in order, so results do not depend on threads.
        int width = arguments.Width;
        int each = Math.Max(Math.Max(1, TaskElements / width), (arguments.Rows + ChunksMax - 1) / ChunksMax);
        int chunks = (arguments.Rows + each - 1) / each;
        using Scratch partial = new(context.Memory, 2L * chunks * width);
        var job = new BackwardJob<S, V> { Arguments = arguments, RowsEach = each, Partial = partial.Pointer };
        context.Pool.Run(job, chunks);
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            float* sums = partial.Pointer + (2L * chunk * width);
            if (dScale is not null)
            {
                Reducing.AddRows<S, V>(sums, 1, width, dScale);
            }

            if (dShift is not null)
            {
                Reducing.AddRows<S, V>(sums + width, 1, width, dShift);
            }
        }
    }

    /// <summary>Mean (0 unless centred) and 1 / sqrt(variance + epsilon) of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (float Mean, float Inverse) Statistics<S, V>(float* x, int width, bool centred, float epsilon)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        float mean = centred ? Reducing.Sum<S, V>(x, width) / width : 0;
        V centre = S.Splat(mean);
        V first = S.Zero;
        V second = S.Zero;
        int i = 0;
        for (; i + (2 * S.Width) <= width; i += 2 * S.Width)
        {
            V a = S.Subtract(S.Load(x + i), centre);
            V b = S.Subtract(S.Load(x + i + S.Width), centre);
            first = S.Fma(a, a, first);
            second = S.Fma(b, b, second);
        }

        float squares = S.Sum(S.Add(first, second));
        for (; i < width; i++)
        {
            squares += (x[i] - mean) * (x[i] - mean);
        }

        return (mean, 1 / MathF.Sqrt((squares / width) + epsilon));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardRow<S, V>(in NormArguments arguments, float* x, float* y)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int width = arguments.Width;
        float* scale = arguments.Scale;
        float* shift = arguments.Shift;
        (float mean, float inverse) = Statistics<S, V>(x, width, arguments.Centred, arguments.Epsilon);
        V factor = S.Splat(inverse);
        V offset = S.Splat(-mean * inverse);
        int i = 0;
        for (; i + S.Width <= width; i += S.Width)
        {
            V normal = S.Fma(S.Load(x + i), factor, offset);
            V at = shift is null ? S.Zero : S.Load(shift + i);
            S.Store(y + i, S.Fma(normal, S.Load(scale + i), at));
        }

        for (; i < width; i++)
        {
            y[i] = ((x[i] - mean) * inverse * scale[i]) + (shift is null ? 0 : shift[i]);
        }
    }

    // With n = (x - mean) r and g = dy s: dx = r (g - mean(g) - n mean(g n)); mean(g) is left out by RMSNorm.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardRow<S, V>(in NormArguments arguments, float* x, float* dy, float* dx, float* sums)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int width = arguments.Width;
        float* scale = arguments.Scale;
        (float mean, float inverse) = Statistics<S, V>(x, width, arguments.Centred, arguments.Epsilon);
        V factor = S.Splat(inverse);
        V offset = S.Splat(-mean * inverse);
        V total = S.Zero;
        V dot = S.Zero;
        int i = 0;
        for (; i + S.Width <= width; i += S.Width)
        {
            V normal = S.Fma(S.Load(x + i), factor, offset);
            V gradient = S.Load(dy + i);
            S.Store(sums + i, S.Fma(gradient, normal, S.Load(sums + i)));
            S.Store(sums + width + i, S.Add(gradient, S.Load(sums + width + i)));
            V scaled = S.Multiply(gradient, S.Load(scale + i));
            total = S.Add(total, scaled);
            dot = S.Fma(scaled, normal, dot);
        }

        int vectorEnd = i;
        (float sumAll, float dotAll) = (S.Sum(total), S.Sum(dot));
        for (; i < width; i++)
        {
            float normal = (x[i] - mean) * inverse;
            sums[i] += dy[i] * normal;
            sums[width + i] += dy[i];
            sumAll += dy[i] * scale[i];
            dotAll += dy[i] * scale[i] * normal;
        }

        float meanGradient = arguments.Centred ? sumAll / width : 0;
        float meanDot = dotAll / width;
        V minusMean = S.Splat(-meanGradient);
        V minusDot = S.Splat(-meanDot);
        for (i = 0; i < vectorEnd; i += S.Width)
        {
            V normal = S.Fma(S.Load(x + i), factor, offset);
            V inner = S.Fma(S.Load(dy + i), S.Load(scale + i), S.Fma(normal, minusDot, minusMean));
            S.Store(dx + i, S.Multiply(inner, factor));
        }

        for (; i < width; i++)
        {
            dx[i] = inverse * ((dy[i] * scale[i]) - meanGradient - ((x[i] - mean) * inverse * meanDot));
        }
    }

    // Two rows together, each as BackwardRow computes it: the sums are read and written once for both, and while one
    // waits for the sum of its lanes the other one works.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardTwo<S, V>(in NormArguments arguments, float* x, float* dy, float* dx, float* sums)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int width = arguments.Width;
        bool centred = arguments.Centred;
        float* scale = arguments.Scale;
        float* x2 = x + width;
        float* dy2 = dy + width;
        float* dx2 = dx + width;
        (float mean, float inverse) = Statistics<S, V>(x, width, centred, arguments.Epsilon);
        (float mean2, float inverse2) = Statistics<S, V>(x2, width, centred, arguments.Epsilon);
        V factor = S.Splat(inverse), factor2 = S.Splat(inverse2);
        V offset = S.Splat(-mean * inverse), offset2 = S.Splat(-mean2 * inverse2);
        V total = S.Zero, total2 = S.Zero, dot = S.Zero, dot2 = S.Zero;
        int i = 0;
        for (; i + S.Width <= width; i += S.Width)
        {
            V normal = S.Fma(S.Load(x + i), factor, offset);
            V normal2 = S.Fma(S.Load(x2 + i), factor2, offset2);
            V gradient = S.Load(dy + i);
            V gradient2 = S.Load(dy2 + i);
            S.Store(sums + i, S.Fma(gradient2, normal2, S.Fma(gradient, normal, S.Load(sums + i))));
            V by = S.Load(scale + i);
            V scaled = S.Multiply(gradient, by);
            V scaled2 = S.Multiply(gradient2, by);
            dot = S.Fma(scaled, normal, dot);
            dot2 = S.Fma(scaled2, normal2, dot2);
            if (centred)
            {
                float* toShift = sums + width + i;
                S.Store(toShift, S.Add(gradient2, S.Add(gradient, S.Load(toShift))));
                total = S.Add(total, scaled);
                total2 = S.Add(total2, scaled2);
            }
        }

        int vectorEnd = i;
        (float sumAll, float dotAll, float sumAll2, float dotAll2) = (S.Sum(total), S.Sum(dot), S.Sum(total2),
            S.Sum(dot2));
        for (; i < width; i++)
        {
            float normal = (x[i] - mean) * inverse;
            float normal2 = (x2[i] - mean2) * inverse2;
            sums[i] = sums[i] + (dy[i] * normal) + (dy2[i] * normal2);
            sums[width + i] = sums[width + i] + dy[i] + dy2[i];
            sumAll += dy[i] * scale[i];
            sumAll2 += dy2[i] * scale[i];
            dotAll += dy[i] * scale[i] * normal;
            dotAll2 += dy2[i] * scale[i] * normal2;
        }

        float meanGradient = centred ? sumAll / width : 0;
        float meanGradient2 = centred ? sumAll2 / width : 0;
        (float meanDot, float meanDot2) = (dotAll / width, dotAll2 / width);
        V minusMean = S.Splat(-meanGradient), minusMean2 = S.Splat(-meanGradient2);
        V minusDot = S.Splat(-meanDot), minusDot2 = S.Splat(-meanDot2);
        for (i = 0; i < vectorEnd; i += S.Width)
        {
            V by = S.Load(scale + i);
            V normal = S.Fma(S.Load(x + i), factor, offset);
            V normal2 = S.Fma(S.Load(x2 + i), factor2, offset2);
            V inner = S.Fma(S.Load(dy + i), by, S.Fma(normal, minusDot, minusMean));
            V inner2 = S.Fma(S.Load(dy2 + i), by, S.Fma(normal2, minusDot2, minusMean2));
            S.Store(dx + i, S.Multiply(inner, factor));
            S.Store(dx2 + i, S.Multiply(inner2, factor2));
        }

        for (; i < width; i++)
        {
            dx[i] = inverse * ((dy[i] * scale[i]) - meanGradient - ((x[i] - mean) * inverse * meanDot));
            dx2[i] = inverse2 * ((dy2[i] * scale[i]) - meanGradient2 - ((x2[i] - mean2) * inverse2 * meanDot2));
        }
    }

    private struct ForwardJob<S, V> : IJob
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        public NormArguments Arguments;
        public int RowsEach;

        public readonly void Run(int index, int thread)
        {
            int end = Math.Min((index + 1) * RowsEach, Arguments.Rows);
            for (int row = index * RowsEach; row < end; row++)
            {
                long at = (long)row * Arguments.Width;
                ForwardRow<S, V>(Arguments, Arguments.X + at, Arguments.Y + at);
            }
        }
    }

    private struct BackwardJob<S, V> : IJob
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        public NormArguments Arguments;
        public int RowsEach;

        /// <summary>Shape: [chunks, 2, width]: sums for dScale and dShift.</summary>
        public float* Partial;

        public readonly void Run(int index, int thread)
        {
            float* sums = Partial + (2L * index * Arguments.Width);
            new Span<float>(sums, 2 * Arguments.Width).Clear();
            int end = Math.Min((index + 1) * RowsEach, Arguments.Rows);
            for (int row = index * RowsEach; row < end; row++)
            {
                long at = (long)row * Arguments.Width;
                if (row + 1 < end)
                {
                    BackwardTwo<S, V>(Arguments, Arguments.X + at, Arguments.Dy + at, Arguments.Y + at, sums);
                    row++;
                    continue;
                }

                BackwardRow<S, V>(Arguments, Arguments.X + at, Arguments.Dy + at, Arguments.Y + at, sums);
            }
        }
    }
}
