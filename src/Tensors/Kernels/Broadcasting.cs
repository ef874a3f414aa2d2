using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>Functions of two operands of which one is repeated along some dimensions.</summary>
internal static unsafe class Broadcasting
{
    private const int TaskElements = 16384;

    /// <summary>y = op(a, b) over a plan of at least one dimension; y is contiguous.</summary>
    public static void Run<S, V, TOp>(WorkerPool pool, float* a, float* b, StridedPlan plan, float* y)
        where S : struct, ISimd<V>
        where V : unmanaged
        where TOp : unmanaged, IPointwise<V>
    {
        int width = plan.Size(plan.Rank - 1);
        int rows = plan.Count / width;
        int rowsEach = Math.Max(1, TaskElements / width);
        var job = new Job<S, V, TOp> { A = a, B = b, Plan = plan, Y = y, Rows = rows, RowsEach = rowsEach };
        pool.Run(job, (rows + rowsEach - 1) / rowsEach);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row<S, V, TOp>(float* a, bool splatA, float* b, bool splatB, int count, float* y)
        where S : struct, ISimd<V>
        where V : unmanaged
        where TOp : unmanaged, IPointwise<V>
    {
        V unused = S.Zero;
        V allA = S.Splat(*a);
        V allB = S.Splat(*b);
        int i = 0;
        for (; i + S.Width <= count; i += S.Width)
        {
            S.Store(y + i, default(TOp).Apply(splatA ? allA : S.Load(a + i), splatB ? allB : S.Load(b + i), S.Zero,
                ref unused));
        }

        if (i < count)
        {
            float* buffer = stackalloc float[2 * S.Width];
            for (int j = i; j < count; j++)
            {
                buffer[j - i] = splatA ? *a : a[j];
                buffer[S.Width + j - i] = splatB ? *b : b[j];
            }

            S.Store(buffer, default(TOp).Apply(S.Load(buffer), S.Load(buffer + S.Width), S.Zero, ref unused));
            for (int j = i; j < count; j++)
            {
                y[j] = buffer[j - i];
            }
        }
    }

    private struct Job<S, V, TOp> : IJob
        where S : struct, ISimd<V>
        where V : unmanaged
        where TOp : unmanaged, IPointwise<V>
    {
        public float* A;
        public float* B;
        public StridedPlan Plan;
        public float* Y;
        public int Rows;
        public int RowsEach;

        public readonly void Run(int index, int thread)
        {
            int inner = Plan.Rank - 1;
            int width = Plan.Size(inner);
            bool splatA = Plan.StrideA(inner) == 0;
            bool splatB = Plan.StrideB(inner) == 0;
            int end = Math.Min((index + 1) * RowsEach, Rows);
            for (int row = index * RowsEach; row < end; row++)
            {
                (long offsetA, long offsetB) = Plan.RowOffsets(row);
                Row<S, V, TOp>(A + offsetA, splatA, B + offsetB, splatB, width, Y + ((long)row * width));
            }
        }
    }
}
