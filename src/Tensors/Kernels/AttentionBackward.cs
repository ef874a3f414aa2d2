using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// Gradients of attention: a task is one key/value head of one batch entry, so that dK and dV have one writer. Scores
/// are computed again, which costs less than keeping them.
/// </summary>
/// <remarks>P = softmax(S), dP = dY V^T, dS = P (dP - rowsum(dY Y)), dQ = dS K scale, dK = dS^T Q scale, dV = P^T
/// dY.</remarks>
internal unsafe struct AttentionBackwardJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public AttentionShape Shape;
    public float* Q;
    public float* K;
    public float* Values;
    public float* Y;
    public float* Dy;
    public AttentionGradientPointers Gradients;

    /// <summary>Shape: [threads][ScratchEach].</summary>
    public float* Scratch;

    public long ScratchEach;

    /// <summary>Runs all heads.</summary>
    public static void RunAll(CpuContext context, in AttentionShape shape, float* q, float* k, float* v, float* y,
        float* dy, in AttentionGradientPointers gradients)
    {
        long each = AttentionScores<S, V>.ScratchCount(shape) + Buffers.Count(shape);
        each = (each + 15) / 16 * 16;
        using Scratch scratch = new(context.Memory, each * context.Pool.ThreadCount);
        var job = new AttentionBackwardJob<S, V>
        {
            Shape = shape,
            Q = q,
            K = k,
            Values = v,
            Y = y,
            Dy = dy,
            Gradients = gradients,
            Scratch = scratch.Pointer,
            ScratchEach = each,
        };
        context.Pool.Run(job, shape.Batch * shape.KvHeads);
    }

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        int width = 2 * S.Width;
        int batch = index / Shape.KvHeads;
        int group = Shape.Heads / Shape.KvHeads;
        int firstHead = index % Shape.KvHeads * group;
        var scores = default(AttentionScores<S, V>);
        var buffers = new Buffers(Shape, scores.Place(Shape, Scratch + (thread * ScratchEach)));
        long key = Shape.KeyAt(batch, firstHead, 0);
        AttentionPanel.Fetch<S, V>(Values + key, Shape.KeyStride, Shape.Keys, Shape.Size);
        AttentionPanel.PackRows<S, V>(K + key, Shape.KeyStride, Shape.Keys, Shape.Size, scores.PackedKeys);
        AttentionPanel.PackRows<S, V>(Values + key, Shape.KeyStride, Shape.Keys, Shape.Size, buffers.Values);
        AttentionPanel.PackElements<S, V>(K + key, Shape.KeyStride, Shape.Keys, Shape.Size, buffers.Keys);
        int tiles = AttentionPanel.Tiles<S, V>(Shape.Keys);
        new Span<float>(buffers.DKeys, tiles * buffers.Padded).Clear();
        new Span<float>(buffers.DValues, tiles * buffers.Padded).Clear();
        for (int head = firstHead; head < firstHead + group; head++)
        {
            for (int first = 0; first < Shape.Queries; first += width)
            {
                Panel(scores, buffers, batch, head, first, Math.Min(width, Shape.Queries - first));
            }
        }

        Write(buffers.DKeys, buffers.Padded, Shape.Scale, Gradients.K + key);
        Write(buffers.DValues, buffers.Padded, 1, Gradients.V + key);
    }

    // One head's gradient of the keys or values, times a factor.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Write(float* x, int stride, float factor, float* y)
    {
        V scale = S.Splat(factor);
        int size = Shape.Size;
        int yStride = Shape.KeyStride;
        for (int j = Shape.Keys; j > 0; j--, x += stride, y += yStride)
        {
            int e = 0;
            for (; e + S.Width <= size; e += S.Width)
            {
                S.Store(y + e, S.Multiply(S.Load(x + e), scale));
            }

            for (; e < size; e++)
            {
                y[e] = x[e] * factor;
            }
        }
    }

    private readonly void Panel(in AttentionScores<S, V> scores, in Buffers buffers, int batch, int head, int first,
        int count)
    {
        int width = 2 * S.Width;
        long at = Shape.QueryAt(batch, head, first);
        AttentionPanel.Fetch<S, V>(Dy + at, Shape.QueryStride, count, Shape.Size);
        AttentionPanel.Fetch<S, V>(Y + at, Shape.QueryStride, count, Shape.Size);
        int keys = scores.Run(Q, batch, head, first, count);
        AttentionPanel.Fetch<S, V>(Gradients.Q + at, Shape.QueryStride, count, Shape.Size);
        AttentionPanel.Fetch<S, V>(Q + at + ((long)count * Shape.QueryStride), Shape.QueryStride,
            Math.Min(width, Shape.Queries - first - count), Shape.Size);
        AttentionPanel.ScaleColumns<S, V>(scores.Scores, keys, scores.Inverses);
        ClearTail(scores.Scores, keys);

        // dV += P^T dY.
        PackNatural(Dy + at, count, buffers);
        AttentionPanel.AddOuter<S, V>(scores.Scores, keys, buffers.Natural, count, buffers.Panels, buffers.DValues);

        // dS^T = P^T (V dY^T - D), with D = sum of dY Y for each query.
        AttentionPanel.PackQueries<S, V>(Dy + at, Shape.QueryStride, count, Shape.Size, 1, buffers.Transposed);
        AttentionPanel.PackQueries<S, V>(Y + at, Shape.QueryStride, count, Shape.Size, 1, buffers.Result);
        AttentionPanel.Product<S, V>(buffers.Values, keys, Shape.Keys, Shape.Size, buffers.Transposed, Shape.Size,
            buffers.DScores);
        ScoreGradients(scores.Scores, buffers.DScores, keys, buffers.Transposed, buffers.Result, Shape.Size);
        ClearTail(buffers.DScores, keys);
        if (Gradients.BiasRows is not null)
        {
            BiasGradients(buffers, Shape.BiasRow(batch, head, first), count);
        }

        // dQ^T = K^T dS^T scale.
        AttentionPanel.Product<S, V>(buffers.Keys, Shape.Size, Shape.Size, Shape.Keys, buffers.DScores, keys,
            buffers.Result);
        V scale = S.Splat(Shape.Scale);
        for (int i = 0; i < Shape.Size * width; i += S.Width)
        {
            S.Store(buffers.Result + i, S.Multiply(S.Load(buffers.Result + i), scale));
        }

        Transposing.Run(buffers.Result, width, Shape.Size, count, Gradients.Q + at, Shape.QueryStride);

        // dK += dS^T Q (scaled at the end).
        PackNatural(Q + at, count, buffers);
        AttentionPanel.AddOuter<S, V>(buffers.DScores, keys, buffers.Natural, count, buffers.Panels, buffers.DKeys);
    }

    // Products work in whole tiles of keys: those that no query of the panel sees must add nothing.
    private static void ClearTail(float* rows, int keys)
    {
        int width = 2 * S.Width;
        new Span<float>(rows + ((long)keys * width), (AttentionPanel.Tiles<S, V>(keys) - keys) * width).Clear();
    }

    private readonly void PackNatural(float* x, int count, in Buffers buffers)
    {
        int width = 2 * S.Width;
        for (int p = 0; p < buffers.Panels; p++)
        {
            Packing.Columns(new GemmOperand(x, Shape.QueryStride, false), p * width,
                Math.Min(width, Shape.Size - (p * width)), 0, count, width,
                buffers.Natural + ((long)p * width * width));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreGradients(float* weights, float* dScores, int keys, float* dy, float* y, int size)
    {
        int width = 2 * S.Width;
        V left = S.Zero;
        V right = S.Zero;
        for (int e = 0; e < size * width; e += width)
        {
            left = S.Fma(S.Load(dy + e), S.Load(y + e), left);
            right = S.Fma(S.Load(dy + e + S.Width), S.Load(y + e + S.Width), right);
        }

        for (long j = 0; j < (long)keys * width; j += width)
        {
            S.Store(dScores + j, S.Multiply(S.Load(weights + j), S.Subtract(S.Load(dScores + j), left)));
            long k = j + S.Width;
            S.Store(dScores + k, S.Multiply(S.Load(weights + k), S.Subtract(S.Load(dScores + k), right)));
        }
    }

    // Rows and columns of the key grid, summed: [gridHeight * gridWidth][queries] -> [gridHeight][queries],
    // [gridWidth][queries].
    private readonly void BiasGradients(in Buffers buffers, long row, int count)
    {
        int width = 2 * S.Width;
        float* rows = buffers.Bias;
        float* columns = rows + ((long)Shape.GridHeight * width);
        new Span<float>(rows, (Shape.GridHeight + Shape.GridWidth) * width).Clear();
        float* from = buffers.DScores;
        for (int r = 0; r < Shape.GridHeight; r++)
        {
            for (int c = 0; c < Shape.GridWidth; c++, from += width)
            {
                Reducing.AddRows<S, V>(from, 1, width, rows + ((long)r * width));
                Reducing.AddRows<S, V>(from, 1, width, columns + ((long)c * width));
            }
        }

        Transposing.Run(rows, width, Shape.GridHeight, count, Gradients.BiasRows + (row * Shape.GridHeight),
            Shape.GridHeight);
        Transposing.Run(columns, width, Shape.GridWidth, count, Gradients.BiasColumns + (row * Shape.GridWidth),
            Shape.GridWidth);
    }

    /// <summary>Where a task's intermediate results lie.</summary>
    private readonly struct Buffers
    {
        public Buffers(in AttentionShape shape, float* at)
        {
            int width = 2 * S.Width;
            long tiles = AttentionPanel.Tiles<S, V>(shape.Keys);
            long sizeTiles = AttentionPanel.Tiles<S, V>(shape.Size);
            Panels = (shape.Size + width - 1) / width;
            Padded = Panels * width;
            Values = at;
            Keys = Values + (tiles * shape.Size);
            DScores = Keys + (sizeTiles * shape.Keys);
            DKeys = DScores + (tiles * width);
            DValues = DKeys + (tiles * Padded);
            Transposed = DValues + (tiles * Padded);
            Result = Transposed + (sizeTiles * width);
            Natural = Result + (sizeTiles * width);
            Bias = Natural + ((long)Panels * width * width);
        }

        /// <summary>Panels of a head's elements.</summary>
        public int Panels { get; }

        /// <summary>Elements of a head, padded to panels.</summary>
        public int Padded { get; }

        /// <summary>Values as left side. Shape: [tiles][size][height].</summary>
        public float* Values { get; }

        /// <summary>Keys as left side over keys. Shape: [tiles of size][keys][height].</summary>
        public float* Keys { get; }

        /// <summary>Shape: [keys][2 * Width].</summary>
        public float* DScores { get; }

        /// <summary>Shape: [keys][Padded].</summary>
        public float* DKeys { get; }

        /// <summary>Shape: [keys][Padded].</summary>
        public float* DValues { get; }

        /// <summary>dY transposed. Shape: [size][2 * Width].</summary>
        public float* Transposed { get; }

        /// <summary>Y, then dQ, transposed. Shape: [size][2 * Width].</summary>
        public float* Result { get; }

        /// <summary>dY or Q as right side. Shape: [panel][queries][2 * Width].</summary>
        public float* Natural { get; }

        /// <summary>Shapes: [gridHeight][2 * Width], [gridWidth][2 * Width].</summary>
        public float* Bias { get; }

        public static long Count(in AttentionShape shape)
        {
            var buffers = new Buffers(shape, null);
            return (long)(buffers.Bias + ((long)(shape.GridHeight + shape.GridWidth) * 2 * S.Width)) / sizeof(float);
        }
    }
}
