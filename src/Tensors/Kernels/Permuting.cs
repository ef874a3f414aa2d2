using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// Copies into another order of dimensions: runs of neighbours where they stay together, blocked transposes elsewhere.
/// </summary>
internal static unsafe class Permuting
{
    private const int TaskElements = 16384;

    /// <summary>y (contiguous) = x by the strides of operand A.</summary>
    public static void Run<S, V>(WorkerPool pool, float* x, StridedPlan plan, float* y)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int inner = plan.Rank - 1;
        int unit = inner;
        while (unit > 0 && plan.StrideA(unit) != 1)
        {
            unit--;
        }

        // Outer loop: all dimensions but the innermost of the result and the one that is contiguous in the source.
        int columns = unit == inner ? 1 : plan.Size(unit);
        int block = plan.Size(inner) * columns;
        int blocks = plan.Count / block;
        int each = Math.Max(1, TaskElements / block);
        var job = new Job<S, V> { X = x, Plan = plan, Y = y, Unit = unit, Blocks = blocks, BlocksEach = each };
        pool.Run(job, (blocks + each - 1) / each);
    }

    private struct Job<S, V> : IJob
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        public float* X;
        public StridedPlan Plan;
        public float* Y;
        public int Unit;
        public int Blocks;
        public int BlocksEach;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int index, int thread)
        {
            int inner = Plan.Rank - 1;
            int block = index * BlocksEach;
            int end = Math.Min(block + BlocksEach, Blocks);
            int lines = inner > 0 && Unit == inner ? Plan.Size(inner - 1) : 1;
            while (block < end)
            {
                // Blocks up to the next step of an outer dimension are as far apart as the dimension says.
                int count = Math.Min(end - block, lines - (block % lines));
                (long from, long to, long stride) = Offsets(block);
                Copy(X + from, Y + to, count, stride);
                block += count;
            }
        }

        private readonly void Copy(float* x, float* y, int count, long unitStride)
        {
            int inner = Plan.Rank - 1;
            int width = Plan.Size(inner);
            if (Unit != inner)
            {
                Transposing.Run(x, Plan.StrideA(inner), width, Plan.Size(Unit), y, unitStride);
                return;
            }

            long step = inner > 0 ? Plan.StrideA(inner - 1) : 0;
            if (Plan.StrideA(inner) == 1)
            {
                CopyLines(x, step, count, width, y);
                return;
            }

            for (int i = 0; i < count; i++, x += step, y += width)
            {
                Transposing.Scalar(x, Plan.StrideA(inner), width, 1, y, 1);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void CopyLines(float* x, long step, int count, int width, float* y)
        {
            for (int i = 0; i < count; i++, x += step, y += width)
            {
                int c = 0;
                for (; c + S.Width <= width; c += S.Width)
                {
                    S.Store(y + c, S.Load(x + c));
                }

                for (; c < width; c++)
                {
                    y[c] = x[c];
                }
            }
        }

        // Where a block starts in both arrays, and the distance in the result between neighbours of the unit dimension.
        private readonly (long From, long To, long UnitStride) Offsets(int block)
        {
            long from = 0;
            long to = 0;
            long stride = Plan.Size(Plan.Rank - 1);
            long unitStride = 0;
            for (int i = Plan.Rank - 2; i >= 0; i--)
            {
                if (i == Unit)
                {
                    unitStride = stride;
                }
                else
                {
                    int index = block % Plan.Size(i);
                    block /= Plan.Size(i);
                    from += (long)index * Plan.StrideA(i);
                    to += index * stride;
                }

                stride *= Plan.Size(i);
            }

            return (from, to, unitStride);
        }
    }
}
