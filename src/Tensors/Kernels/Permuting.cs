using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// Copies into another order of dimensions: runs of neighbours where they stay together, blocked transposes elsewhere.
/// </summary>
internal static unsafe class Permuting
{
    private const int TaskElements = 16384;

    /// <summary>y (contiguous) = x by the strides of operand A.</summary>
    public static void Run(WorkerPool pool, float* x, StridedPlan plan, float* y)
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
        var job = new Job { X = x, Plan = plan, Y = y, Unit = unit, Blocks = blocks, BlocksEach = each };
        pool.Run(job, (blocks + each - 1) / each);
    }

    private struct Job : IJob
    {
        public float* X;
        public StridedPlan Plan;
        public float* Y;
        public int Unit;
        public int Blocks;
        public int BlocksEach;

        public readonly void Run(int index, int thread)
        {
            int inner = Plan.Rank - 1;
            int width = Plan.Size(inner);
            int end = Math.Min((index + 1) * BlocksEach, Blocks);
            for (int block = index * BlocksEach; block < end; block++)
            {
                (long from, long to, long stride) = Offsets(block);
                if (Unit == inner && Plan.StrideA(inner) == 1)
                {
                    Unsafe.CopyBlockUnaligned(Y + to, X + from, (uint)width * sizeof(float));
                }
                else if (Unit == inner)
                {
                    Transposing.Scalar(X + from, Plan.StrideA(inner), width, 1, Y + to, 1);
                }
                else
                {
                    Transposing.Run(X + from, Plan.StrideA(inner), width, Plan.Size(Unit), Y + to, stride);
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
