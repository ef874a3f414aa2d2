using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// Many small products of one shape, each on one thread. Left sides of a few rows read a right side as it lies: packing
/// it would cost more than the product.
/// </summary>
internal unsafe struct GemmBatchJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    // Up to here a right side is read once a row of the left side.
    private const int FewRows = 3;

    // Multiply-adds of a task at least, some 5 us.
    private const long TaskWork = 500_000;

    public int Batch;
    public GemmShape Shape;
    public GemmOperand A;
    public long StepA;
    public GemmOperand B;
    public long StepB;

    /// <summary>Shape: [batch, M, N].</summary>
    public float* C;

    /// <summary>Products of a task.</summary>
    public int Each;

    /// <summary>Room for the packed sides. Shape: [threads][ScratchEach].</summary>
    public float* Scratch;

    public long ScratchEach;

    // Slices of k as Gemm cuts them, so that results do not depend on who computes them.
    private readonly int Slice => Gemm.SliceOf(Shape.K);

    /// <summary>Runs all products.</summary>
    public static void RunAll(CpuContext context, GemmBatchJob<S, V> job)
    {
        long work = Math.Max(1, (long)job.Shape.M * job.Shape.N * job.Shape.K);
        job.Each = (int)Math.Clamp(TaskWork / work, 1, job.Batch);
        long each = (2L * S.Width * job.Slice) + LeftSide<S, V>.Count(job.Shape.M, job.Shape.K);
        job.ScratchEach = (each + 15) / 16 * 16;
        using Scratch scratch = new(context.Memory, job.ScratchEach * context.Pool.ThreadCount);
        job.Scratch = scratch.Pointer;
        context.Pool.Run(job, (job.Batch + job.Each - 1) / job.Each);
    }

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        float* scratch = Scratch + (thread * ScratchEach);
        int end = Math.Min((index + 1) * Each, Batch);
        for (int i = index * Each; i < end; i++)
        {
            GemmOperand a = A.Plus(i * StepA);
            GemmOperand b = B.Plus(i * StepB);
            float* c = C + ((long)i * Shape.M * Shape.N);
            if (Shape.M <= FewRows && !b.Transposed)
            {
                for (int row = 0; row < Shape.M; row++, c += Shape.N)
                {
                    Row(a, row, b, c);
                }
            }
            else
            {
                Product(a, b, c, scratch);
            }
        }
    }

    // c = sum over k of a[row, k] times line k of b, for some columns at a time.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Row(GemmOperand a, int row, GemmOperand b, float* c)
    {
        (int n, int k) = (Shape.N, Shape.K);
        float* left = a.Pointer + (a.Transposed ? row : (long)row * a.Stride);
        long step = a.Transposed ? a.Stride : 1;
        int j = 0;
        for (; j + (4 * S.Width) <= n; j += 4 * S.Width)
        {
            V s0 = S.Zero, s1 = S.Zero, s2 = S.Zero, s3 = S.Zero;
            float* x = left;
            float* line = b.Pointer + j;
            for (int i = 0; i < k; i++, x += step, line += b.Stride)
            {
                V factor = S.Splat(*x);
                s0 = S.Fma(factor, S.Load(line), s0);
                s1 = S.Fma(factor, S.Load(line + S.Width), s1);
                s2 = S.Fma(factor, S.Load(line + (2 * S.Width)), s2);
                s3 = S.Fma(factor, S.Load(line + (3 * S.Width)), s3);
            }

            S.Store(c + j, s0);
            S.Store(c + j + S.Width, s1);
            S.Store(c + j + (2 * S.Width), s2);
            S.Store(c + j + (3 * S.Width), s3);
        }

        for (; j < n; j++)
        {
            float sum = 0;
            for (int i = 0; i < k; i++)
            {
                sum = MathF.FusedMultiplyAdd(left[i * step], b.Pointer[j + ((long)i * b.Stride)], sum);
            }

            c[j] = sum;
        }
    }

    private readonly void Product(GemmOperand a, GemmOperand b, float* c, float* scratch)
    {
        int width = 2 * S.Width;
        int slice = Slice;
        float* panel = scratch;
        float* left = scratch + ((long)width * slice);
        if (Shape.K == 0)
        {
            new Span<float>(c, Shape.M * Shape.N).Clear();
        }

        for (int k0 = 0; k0 < Shape.K; k0 += slice)
        {
            int k = Math.Min(slice, Shape.K - k0);
            for (int i = 0; i < Shape.M; i += S.TileRows)
            {
                int count = Math.Min(S.TileRows, Shape.M - i);
                Packing.Rows(a, i, count, k0, k, MicroKernel.HeightFor(count), left + ((long)i * k));
            }

            for (int column = 0; column < Shape.N; column += width)
            {
                int columns = Math.Min(width, Shape.N - column);
                Packing.Columns(b, column, columns, k0, k, width, panel);
                PanelProduct<S, V, PanelsF32<S, V>>.Run(left, Shape.M, (byte*)panel, k, c + column, Shape.N, columns,
                    k0 > 0 ? c + column : null, Shape.N, null);
            }
        }
    }
}
