using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// LayerNorm over channels of [batch, channels, pixels], forward and backward: a vector holds neighbouring pixels, so
/// nothing is summed across. A task takes some pixels of a picture.
/// </summary>
internal unsafe struct ChannelNormJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    // Vectors of pixels that are worked on together: planes are far apart, so each visit should bring a few lines.
    private const int Vectors = 4;

    private const int TaskElements = 32768;

    // Blocks of pixels that a thread has room for: x, dy and dx at the edge, and what Back keeps near.
    private const long Room = 4;

    // Sums for the gradients of scale and shift are kept for so many groups of pictures at most.
    private const int ChunksMax = 16;

    public float* X;
    public float* Scale;
    public float* Shift;

    /// <summary>Null: forward.</summary>
    public float* Dy;

    /// <summary>Result (forward) or gradient of x (backward).</summary>
    public float* Y;

    public float Epsilon;
    public int Batch;
    public int Channels;
    public int Pixels;

    /// <summary>Forward: blocks of pixels of a task. Backward: pictures of a task.</summary>
    public int Each;

    /// <summary>Forward: tasks of a picture.</summary>
    public int Tasks;

    /// <summary>Each thread's own blocks. Shape: [threads][<see cref="Room"/>, channels, block].</summary>
    public float* Edges;

    /// <summary>Backward: sums for the gradients of scale and shift. Shape: [chunks][2, channels, Width].</summary>
    public float* Sums;

    private static int Block => Vectors * S.Width;

    /// <summary>y = norm(x).</summary>
    public static void Forward(CpuContext context, ChannelNormJob<S, V> job)
    {
        long edge = Room * job.Channels * Block;
        using Scratch edges = new(context.Memory, edge * context.Pool.ThreadCount);
        job.Edges = edges.Pointer;
        int blocks = (job.Pixels + Block - 1) / Block;
        job.Each = Math.Max(1, TaskElements / (Block * job.Channels));
        job.Tasks = (blocks + job.Each - 1) / job.Each;
        context.Pool.Run(job, job.Batch * job.Tasks);
    }

    /// <summary>dx, and dScale, dShift += (either may be null).</summary>
    public static void Backward(CpuContext context, ChannelNormJob<S, V> job, float* dScale, float* dShift)
    {
        long edge = Room * job.Channels * Block;
        long sums = 2L * job.Channels * S.Width;
        job.Each = (job.Batch + ChunksMax - 1) / ChunksMax;
        int chunks = (job.Batch + job.Each - 1) / job.Each;
        using Scratch edges = new(context.Memory, edge * context.Pool.ThreadCount);
        using Scratch partial = new(context.Memory, sums * chunks);
        new Span<float>(partial.Pointer, checked((int)(sums * chunks))).Clear();
        job.Edges = edges.Pointer;
        job.Sums = partial.Pointer;
        context.Pool.Run(job, chunks);
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            float* sum = partial.Pointer + (chunk * sums);
            for (int c = 0; c < job.Channels; c++, sum += S.Width)
            {
                if (dScale is not null)
                {
                    dScale[c] += S.Sum(S.Load(sum));
                }

                if (dShift is not null)
                {
                    dShift[c] += S.Sum(S.Load(sum + ((long)job.Channels * S.Width)));
                }
            }
        }
    }

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        float* edge = Edges + (Room * thread * Channels * Block);
        if (Dy is null)
        {
            int first = index % Tasks * Each * Block;
            Picture(index / Tasks, first, (int)Math.Min((long)first + ((long)Each * Block), Pixels), edge, null);
            return;
        }

        float* sums = Sums + (2L * index * Channels * S.Width);
        int end = Math.Min((index + 1) * Each, Batch);
        for (int picture = index * Each; picture < end; picture++)
        {
            Picture(picture, 0, Pixels, edge, sums);
        }
    }

    private readonly void Picture(int picture, int first, int end, float* edge, float* sums)
    {
        long at = (long)picture * Channels * Pixels;
        for (; first < end; first += Block)
        {
            float* x = X + at + first;
            float* dy = Dy is null ? null : Dy + at + first;
            float* y = Y + at + first;
            int count = Math.Min(Block, end - first);
            if (count == Block)
            {
                Whole(x, dy, y, Pixels, sums, edge + (3L * Channels * Block));
                continue;
            }

            // Fewer pixels than a block: through buffers. Zeros have no gradient, so they add nothing to the sums.
            float* dyEdge = edge + (Channels * Block);
            float* yEdge = dyEdge + (Channels * Block);
            Copy(x, Pixels, edge, Block, count, clears: true);
            if (dy is not null)
            {
                Copy(dy, Pixels, dyEdge, Block, count, clears: true);
            }

            Whole(edge, dy is null ? null : dyEdge, yEdge, Block, sums, edge + (3L * Channels * Block));
            Copy(yEdge, Block, y, Pixels, count, clears: false);
        }
    }

    private readonly void Whole(float* x, float* dy, float* y, int stride, float* sums, float* near)
    {
        if (dy is null)
        {
            Normalize(x, y, stride);
        }
        else
        {
            for (int i = 0; i < Block; i += 2 * S.Width)
            {
                Back(x + i, dy + i, y + i, stride, sums, near);
            }
        }
    }

    private readonly void Copy(float* from, int fromStride, float* to, int toStride, int count, bool clears)
    {
        for (int c = 0; c < Channels; c++, from += fromStride, to += toStride)
        {
            new ReadOnlySpan<float>(from, count).CopyTo(new Span<float>(to, count));
            if (clears)
            {
                new Span<float>(to + count, Block - count).Clear();
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Normalize(float* x, float* y, int stride)
    {
        int channels = Channels;
        V sum0 = S.Zero, sum1 = S.Zero, sum2 = S.Zero, sum3 = S.Zero;
        float* p = x;
        for (int c = 0; c < channels; c++, p += stride)
        {
            sum0 = S.Add(sum0, S.Load(p));
            sum1 = S.Add(sum1, S.Load(p + S.Width));
            sum2 = S.Add(sum2, S.Load(p + (2 * S.Width)));
            sum3 = S.Add(sum3, S.Load(p + (3 * S.Width)));
        }

        V share = S.Splat(1f / channels);
        V mean0 = S.Multiply(sum0, share), mean1 = S.Multiply(sum1, share);
        V mean2 = S.Multiply(sum2, share), mean3 = S.Multiply(sum3, share);
        sum0 = sum1 = sum2 = sum3 = S.Zero;
        p = x;
        for (int c = 0; c < channels; c++, p += stride)
        {
            V a = S.Subtract(S.Load(p), mean0), b = S.Subtract(S.Load(p + S.Width), mean1);
            sum0 = S.Fma(a, a, sum0);
            sum1 = S.Fma(b, b, sum1);
            a = S.Subtract(S.Load(p + (2 * S.Width)), mean2);
            b = S.Subtract(S.Load(p + (3 * S.Width)), mean3);
            sum2 = S.Fma(a, a, sum2);
            sum3 = S.Fma(b, b, sum3);
        }

        V epsilon = S.Splat(Epsilon);
        V inverse0 = S.InverseSqrt(S.Fma(sum0, share, epsilon)), inverse1 = S.InverseSqrt(S.Fma(sum1, share, epsilon));
        V inverse2 = S.InverseSqrt(S.Fma(sum2, share, epsilon)), inverse3 = S.InverseSqrt(S.Fma(sum3, share, epsilon));
        for (int c = 0; c < channels; c++, x += stride, y += stride)
        {
            V scale = S.Splat(Scale[c]), shift = S.Splat(Shift[c]);
            S.Store(y, S.Fma(S.Multiply(S.Subtract(S.Load(x), mean0), inverse0), scale, shift));
            S.Store(y + S.Width,
                S.Fma(S.Multiply(S.Subtract(S.Load(x + S.Width), mean1), inverse1), scale, shift));
            S.Store(y + (2 * S.Width),
                S.Fma(S.Multiply(S.Subtract(S.Load(x + (2 * S.Width)), mean2), inverse2), scale, shift));
            S.Store(y + (3 * S.Width),
                S.Fma(S.Multiply(S.Subtract(S.Load(x + (3 * S.Width)), mean3), inverse3), scale, shift));
        }
    }

    // With n = (x - mean) r and g = dy s: dx = r (g - mean(g) - n mean(g n)); sums += dy n, then dy. Two vectors of
    // pixels together: sums are read and written once for both, and neither waits for its own sums. x and g are kept
    // near, in rows of 2 * Width: planes that are a power of two apart push each other out of the first-level cache.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Back(float* x, float* dy, float* dx, int stride, float* sums, float* near)
    {
        int channels = Channels;
        int twice = 2 * S.Width;
        V sum0 = S.Zero, sum1 = S.Zero;
        float* p = x;
        float* row = near;
        for (int c = 0; c < channels; c++, p += stride, row += twice)
        {
            V a = S.Load(p), b = S.Load(p + S.Width);
            S.Store(row, a);
            S.Store(row + S.Width, b);
            sum0 = S.Add(sum0, a);
            sum1 = S.Add(sum1, b);
        }

        V share = S.Splat(1f / channels);
        V mean0 = S.Multiply(sum0, share), mean1 = S.Multiply(sum1, share);
        sum0 = sum1 = S.Zero;
        p = near;
        for (int c = 0; c < channels; c++, p += twice)
        {
            V a = S.Subtract(S.Load(p), mean0), b = S.Subtract(S.Load(p + S.Width), mean1);
            sum0 = S.Fma(a, a, sum0);
            sum1 = S.Fma(b, b, sum1);
        }

        V epsilon = S.Splat(Epsilon);
        V inverse0 = S.InverseSqrt(S.Fma(sum0, share, epsilon)), inverse1 = S.InverseSqrt(S.Fma(sum1, share, epsilon));
        V total0 = S.Zero, total1 = S.Zero, dot0 = S.Zero, dot1 = S.Zero;
        float* q = dy;
        float* toShift = sums + ((long)channels * S.Width);
        p = near;
        float* kept = near + ((long)channels * twice);
        for (int c = 0; c < channels; c++, p += twice, q += stride, kept += twice, sums += S.Width, toShift += S.Width)
        {
            V normal0 = S.Multiply(S.Subtract(S.Load(p), mean0), inverse0);
            V normal1 = S.Multiply(S.Subtract(S.Load(p + S.Width), mean1), inverse1);
            V gradient0 = S.Load(q), gradient1 = S.Load(q + S.Width);
            S.Store(sums, S.Fma(gradient1, normal1, S.Fma(gradient0, normal0, S.Load(sums))));
            S.Store(toShift, S.Add(gradient1, S.Add(gradient0, S.Load(toShift))));
            V scale = S.Splat(Scale[c]);
            V scaled0 = S.Multiply(gradient0, scale), scaled1 = S.Multiply(gradient1, scale);
            S.Store(kept, scaled0);
            S.Store(kept + S.Width, scaled1);
            total0 = S.Add(total0, scaled0);
            total1 = S.Add(total1, scaled1);
            dot0 = S.Fma(scaled0, normal0, dot0);
            dot1 = S.Fma(scaled1, normal1, dot1);
        }

        // dx = dy s r + ((x - mean) (-mean(g n) r r) - mean(g) r).
        V slope0 = S.Subtract(S.Zero, S.Multiply(S.Multiply(dot0, share), S.Multiply(inverse0, inverse0)));
        V slope1 = S.Subtract(S.Zero, S.Multiply(S.Multiply(dot1, share), S.Multiply(inverse1, inverse1)));
        V level0 = S.Subtract(S.Zero, S.Multiply(S.Multiply(total0, share), inverse0));
        V level1 = S.Subtract(S.Zero, S.Multiply(S.Multiply(total1, share), inverse1));
        p = near;
        kept = near + ((long)channels * twice);
        for (int c = 0; c < channels; c++, p += twice, kept += twice, dx += stride)
        {
            V other0 = S.Fma(S.Subtract(S.Load(p), mean0), slope0, level0);
            V other1 = S.Fma(S.Subtract(S.Load(p + S.Width), mean1), slope1, level1);
            S.Store(dx, S.Fma(S.Load(kept), inverse0, other0));
            S.Store(dx + S.Width, S.Fma(S.Load(kept + S.Width), inverse1, other1));
        }
    }
}
