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

    /// <summary>
    /// Forward: room for pixels at the edge. Shape: [threads][3, channels, block]. Backward: sums before that. Shape:
    /// [chunks][2, channels, Width].
    /// </summary>
    public float* Edges;

    public float* Sums;

    private static int Block => Vectors * S.Width;

    /// <summary>y = norm(x).</summary>
    public static void Forward(CpuContext context, ChannelNormJob<S, V> job)
    {
        long edge = 3L * job.Channels * Block;
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
        long edge = 3L * job.Channels * Block;
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
        float* edge = Edges + (3L * thread * Channels * Block);
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
                Whole(x, dy, y, Pixels, sums);
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

            Whole(edge, dy is null ? null : dyEdge, yEdge, Block, sums);
            Copy(yEdge, Block, y, Pixels, count, clears: false);
        }
    }

    private readonly void Whole(float* x, float* dy, float* y, int stride, float* sums)
    {
        if (dy is null)
        {
            Normalize(x, y, stride);
        }
        else
        {
            for (int i = 0; i < Block; i += S.Width)
            {
                Back(x + i, dy + i, y + i, stride, sums);
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

    // With n = (x - mean) r and g = dy s: dx = r (g - mean(g) - n mean(g n)); sums += dy n, then dy.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Back(float* x, float* dy, float* dx, int stride, float* sums)
    {
        int channels = Channels;
        V sum = S.Zero;
        float* p = x;
        for (int c = 0; c < channels; c++, p += stride)
        {
            sum = S.Add(sum, S.Load(p));
        }

        V share = S.Splat(1f / channels);
        V mean = S.Multiply(sum, share);
        V squares = S.Zero;
        p = x;
        for (int c = 0; c < channels; c++, p += stride)
        {
            V centred = S.Subtract(S.Load(p), mean);
            squares = S.Fma(centred, centred, squares);
        }

        V inverse = S.InverseSqrt(S.Fma(squares, share, S.Splat(Epsilon)));
        V total = S.Zero;
        V dot = S.Zero;
        float* q = dy;
        float* toShift = sums + ((long)channels * S.Width);
        p = x;
        for (int c = 0; c < channels; c++, p += stride, q += stride, sums += S.Width, toShift += S.Width)
        {
            V normal = S.Multiply(S.Subtract(S.Load(p), mean), inverse);
            V gradient = S.Load(q);
            S.Store(sums, S.Fma(gradient, normal, S.Load(sums)));
            S.Store(toShift, S.Add(gradient, S.Load(toShift)));
            V scaled = S.Multiply(gradient, S.Splat(Scale[c]));
            total = S.Add(total, scaled);
            dot = S.Fma(scaled, normal, dot);
        }

        V meanGradient = S.Multiply(total, share);
        V minusDot = S.Subtract(S.Zero, S.Multiply(dot, share));
        for (int c = 0; c < channels; c++, x += stride, dy += stride, dx += stride)
        {
            V normal = S.Multiply(S.Subtract(S.Load(x), mean), inverse);
            V scaled = S.Subtract(S.Multiply(S.Load(dy), S.Splat(Scale[c])), meanGradient);
            S.Store(dx, S.Multiply(S.Fma(normal, minusDot, scaled), inverse));
        }
    }
}
