using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>Softmax of rows, forward and backward.</summary>
internal static unsafe class SoftmaxKernels
{
    private const int TaskElements = 16384;

    /// <summary>y = exp(x - max) / sum. Shapes: x and y [rows, width].</summary>
    public static void Forward<S, V>(WorkerPool pool, float* x, int rows, int width, float* y)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int each = Math.Max(1, TaskElements / width);
        pool.Run(new Job<S, V> { X = x, Rows = rows, Width = width, RowsEach = each, Y = y }, (rows + each - 1) / each);
    }

    /// <summary>dx = y (dy - sum(y dy)). Shapes: all [rows, width].</summary>
    public static void Backward<S, V>(WorkerPool pool, float* y, float* dy, int rows, int width, float* dx)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int each = Math.Max(1, TaskElements / width);
        pool.Run(new Job<S, V> { X = y, Dy = dy, Rows = rows, Width = width, RowsEach = each, Y = dx },
            (rows + each - 1) / each);
    }

    /// <summary>Softmax of one row; source and destination may be the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row<S, V>(float* x, int width, float* y)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int i = 0;
        float largest = float.NegativeInfinity;
        if (width >= S.Width)
        {
            V most = S.Load(x);
            for (i = S.Width; i + S.Width <= width; i += S.Width)
            {
                most = S.Max(most, S.Load(x + i));
            }

            largest = S.Largest(most);
        }

        for (; i < width; i++)
        {
            largest = MathF.Max(largest, x[i]);
        }

        V shift = S.Splat(largest);
        V total = S.Zero;
        for (i = 0; i + S.Width <= width; i += S.Width)
        {
            V e = VectorMath.Exp<S, V>(S.Subtract(S.Load(x + i), shift));
            total = S.Add(total, e);
            S.Store(y + i, e);
        }

        float sum = S.Sum(total);
        for (; i < width; i++)
        {
            y[i] = MathF.Exp(x[i] - largest);
            sum += y[i];
        }

        float inverse = 1 / sum;
        V factor = S.Splat(inverse);
        for (i = 0; i + S.Width <= width; i += S.Width)
        {
            S.Store(y + i, S.Multiply(S.Load(y + i), factor));
        }

        for (; i < width; i++)
        {
            y[i] *= inverse;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardRow<S, V>(float* y, float* dy, int width, float* dx)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        V total = S.Zero;
        int i = 0;
        for (; i + S.Width <= width; i += S.Width)
        {
            total = S.Fma(S.Load(y + i), S.Load(dy + i), total);
        }

        float dot = S.Sum(total);
        for (; i < width; i++)
        {
            dot += y[i] * dy[i];
        }

        V all = S.Splat(dot);
        for (i = 0; i + S.Width <= width; i += S.Width)
        {
            S.Store(dx + i, S.Multiply(S.Load(y + i), S.Subtract(S.Load(dy + i), all)));
        }

        for (; i < width; i++)
        {
            dx[i] = y[i] * (dy[i] - dot);
        }
    }

    private struct Job<S, V> : IJob
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        public float* X;
        public float* Dy;
        public int Rows;
        public int Width;
        public int RowsEach;
        public float* Y;

        public readonly void Run(int index, int thread)
        {
            int end = Math.Min((index + 1) * RowsEach, Rows);
            for (int row = index * RowsEach; row < end; row++)
            {
                long at = (long)row * Width;
                if (Dy is null)
                {
                    Row<S, V>(X + at, Width, Y + at);
                }
                else
                {
                    BackwardRow<S, V>(X + at, Dy + at, Width, Y + at);
                }
            }
        }
    }
}
