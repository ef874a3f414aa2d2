using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// Attention of so few queries and keys that panels of queries would be mostly empty (a query a cell over the masks of
/// an answer, say), forward and backward: plain dot products along a head's elements.
/// </summary>
internal unsafe struct AttentionSmallJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    // Scores of a head up to which it pays: a panel of 32 queries by 12 keys costs as much as some 60 dot products.
    private const int ScoresMax = 48;

    // Multiply-adds of a task, some 10 us of this code.
    private const int TaskWork = 65536;

    public AttentionShape Shape;
    public float* Q;
    public float* K;
    public float* Values;
    public float* Y;

    /// <summary>Null: forward.</summary>
    public float* Dy;

    public AttentionGradientPointers Gradients;

    /// <summary>Heads of keys and values that a task does.</summary>
    public int HeadsEach;

    /// <summary>Whether this form is the faster one.</summary>
    public static bool Fits(in AttentionShape shape) => (long)shape.Queries * shape.Keys <= ScoresMax;

    /// <summary>Runs all heads.</summary>
    public static void RunAll(CpuContext context, AttentionSmallJob<S, V> job)
    {
        ref readonly AttentionShape shape = ref job.Shape;
        long head = (long)shape.Queries * (shape.Keys + 1) * (shape.Size + 16) * (shape.Heads / shape.KvHeads);
        job.HeadsEach = (int)Math.Max(1, TaskWork / Math.Max(1, head));
        int heads = shape.Batch * shape.KvHeads;
        context.Pool.Run(job, (heads + job.HeadsEach - 1) / job.HeadsEach);
    }

    // A query that sees the only key there is gets its value, whatever the score.
    private readonly bool CopiesValues => Dy is null && Shape.Keys == 1 && Shape.KeyValid is null
        && Shape.Queries == 1 && Shape.Heads == Shape.KvHeads;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public readonly void Run(int index, int thread)
    {
        if (CopiesValues)
        {
            int firstHead = index * HeadsEach;
            int heads = Math.Min(HeadsEach, (Shape.Batch * Shape.KvHeads) - firstHead);
            long start = (long)firstHead * Shape.Size;
            new ReadOnlySpan<float>(Values + start, heads * Shape.Size).CopyTo(
                new Span<float>(Y + start, heads * Shape.Size));
            return;
        }

        // Rounded up, so that the last vector of exponentials stays inside.
        float* weights = stackalloc float[ScoresMax + S.Width];
        float* gradients = stackalloc float[ScoresMax + S.Width];
        int group = Shape.Heads / Shape.KvHeads;
        int end = Math.Min((index + 1) * HeadsEach, Shape.Batch * Shape.KvHeads);
        for (int i = index * HeadsEach; i < end; i++)
        {
            int batch = i / Shape.KvHeads;
            int first = i % Shape.KvHeads * group;
            for (int head = first; head < first + group; head++)
            {
                for (int query = 0; query < Shape.Queries; query++)
                {
                    long at = Shape.QueryAt(batch, head, query);
                    long key = Shape.KeyAt(batch, head, 0);
                    Weights(batch, head, query, Q + at, K + key, weights);
                    if (Dy is null)
                    {
                        Mix(weights, Values + key, Y + at);
                    }
                    else
                    {
                        Back(batch, head, query, at, key, weights, gradients);
                    }
                }
            }
        }
    }

    // Softmax of one query's scores; zeros where every key is hidden.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Weights(int batch, int head, int query, float* q, float* k, float* weights)
    {
        int visible = Shape.KeysVisible(query);
        if (Shape.Keys == 1 && visible == 1 && Shape.KeyValid is null)
        {
            weights[0] = 1;
            return;
        }

        long row = Shape.BiasRows is null ? 0 : Shape.BiasRow(batch, head, query);
        float* valid = Shape.KeyValid is null ? null : Shape.KeyValid + ((long)batch * Shape.Keys);
        float most = -3e38f;
        for (int j = 0; j < Shape.Keys; j++, k += Shape.KeyStride)
        {
            float score = float.NegativeInfinity;
            if (j < visible && (valid is null || valid[j] != 0))
            {
                score = Dot(q, k, Shape.Size) * Shape.Scale;
                if (Shape.BiasRows is not null)
                {
                    score += Shape.BiasRows[(row * Shape.GridHeight) + (j / Shape.GridWidth)]
                        + Shape.BiasColumns[(row * Shape.GridWidth) + (j % Shape.GridWidth)];
                }
            }

            weights[j] = score;
            most = score > most ? score : most;
        }

        Normalize(weights, most);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Normalize(float* weights, float most)
    {
        V shift = S.Splat(most);
        for (int j = 0; j < Shape.Keys; j += S.Width)
        {
            S.Store(weights + j, VectorMath.Exp<S, V>(S.Subtract(S.Load(weights + j), shift)));
        }

        float sum = 0;
        for (int j = 0; j < Shape.Keys; j++)
        {
            sum += weights[j];
        }

        float inverse = sum > 0 ? 1 / sum : 0;
        for (int j = 0; j < Shape.Keys; j++)
        {
            weights[j] *= inverse;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Mix(float* weights, float* v, float* y)
    {
        int e = 0;
        for (; e + S.Width <= Shape.Size; e += S.Width)
        {
            V sum = S.Zero;
            float* x = v + e;
            for (int j = 0; j < Shape.Keys; j++, x += Shape.KeyStride)
            {
                sum = S.Fma(S.Splat(weights[j]), S.Load(x), sum);
            }

            S.Store(y + e, sum);
        }

        for (; e < Shape.Size; e++)
        {
            float sum = 0;
            for (int j = 0; j < Shape.Keys; j++)
            {
                sum += weights[j] * v[((long)j * Shape.KeyStride) + e];
            }

            y[e] = sum;
        }
    }

    // dP = dY V^T, dS = P (dP - sum(P dP)), dQ = dS K scale, dK = dS^T Q scale, dV = P^T dY.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Back(int batch, int head, int query, long at, long key, float* weights, float* gradients)
    {
        if (Shape.Keys == 1 && Gradients.BiasRows is null)
        {
            // One weight is 1 (or 0), whatever the score.
            AddScaled(Dy + at, weights[0], Gradients.V + key, Shape.Size);
            return;
        }

        float mean = 0;
        for (int j = 0; j < Shape.Keys; j++)
        {
            gradients[j] = Dot(Dy + at, Values + key + ((long)j * Shape.KeyStride), Shape.Size);
            mean += weights[j] * gradients[j];
        }

        long row = Shape.BiasRows is null ? 0 : Shape.BiasRow(batch, head, query);
        for (int j = 0; j < Shape.Keys; j++)
        {
            float gradient = weights[j] * (gradients[j] - mean);
            long to = key + ((long)j * Shape.KeyStride);
            AddScaled(K + to, gradient * Shape.Scale, Gradients.Q + at, Shape.Size);
            AddScaled(Q + at, gradient * Shape.Scale, Gradients.K + to, Shape.Size);
            AddScaled(Dy + at, weights[j], Gradients.V + to, Shape.Size);
            if (Gradients.BiasRows is not null)
            {
                Gradients.BiasRows[(row * Shape.GridHeight) + (j / Shape.GridWidth)] += gradient;
                Gradients.BiasColumns[(row * Shape.GridWidth) + (j % Shape.GridWidth)] += gradient;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Dot(float* a, float* b, int size)
    {
        V sum = S.Zero;
        int e = 0;
        for (; e + S.Width <= size; e += S.Width)
        {
            sum = S.Fma(S.Load(a + e), S.Load(b + e), sum);
        }

        float dot = S.Sum(sum);
        for (; e < size; e++)
        {
            dot += a[e] * b[e];
        }

        return dot;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled(float* x, float factor, float* y, int size)
    {
        V all = S.Splat(factor);
        int e = 0;
        for (; e + S.Width <= size; e += S.Width)
        {
            S.Store(y + e, S.Fma(all, S.Load(x + e), S.Load(y + e)));
        }

        for (; e < size; e++)
        {
            y[e] += factor * x[e];
        }
    }
}
