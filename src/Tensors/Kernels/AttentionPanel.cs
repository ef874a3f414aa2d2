using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// Pieces of attention for one head and one panel of 2 * Width queries. Scores are kept transposed, [keys][queries]:
/// then softmax runs down the columns (a lane is a query, nothing is summed across lanes), and the same array is the
/// packed right side of the products that follow.
/// </summary>
/// <remarks>
/// Instead of a running softmax (flash attention) all scores of a panel are kept: 32 queries by 4096 keys are 512 KB
/// and stay in the second-level cache.
/// </remarks>
internal static unsafe class AttentionPanel
{
    /// <summary>Queries in a panel.</summary>
    public static int Width<S, V>()
        where S : struct, ISimd<V>
        where V : unmanaged => 2 * S.Width;

    /// <summary>Rounded up to whole tiles.</summary>
    public static int Tiles<S, V>(int rows)
        where S : struct, ISimd<V>
        where V : unmanaged => (rows + S.TileRows - 1) / S.TileRows * S.TileRows;

    /// <summary>
    /// Asks for the rows of one head, which lie too far apart for the hardware to guess: half of the time of a head
    /// went to waiting for them.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fetch<S, V>(float* x, int stride, int rows, int size)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        const int LineElements = 16;
        for (int i = 0; i < rows; i++, x += stride)
        {
            for (int e = 0; e < size; e += LineElements)
            {
                S.Prefetch(x + e);
            }
        }
    }

    /// <summary>
    /// Rows (keys) of one head as left side of a product over the head's elements. Shape: [tiles][size][height].
    /// </summary>
    public static void PackRows<S, V>(float* x, int stride, int keys, int size, float* packed)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        for (int i = 0; i < keys; i += S.TileRows)
        {
            int count = Math.Min(S.TileRows, keys - i);
            int ahead = Math.Min(i + (2 * S.TileRows), keys);
            Fetch<S, V>(x + ((long)ahead * stride), stride, Math.Min(S.TileRows, keys - ahead), size);
            Packing.Rows(new GemmOperand(x, stride, false), i, count, 0, size, MicroKernel.HeightFor(count),
                packed + ((long)i * size));
        }
    }

    /// <summary>
    /// Elements of one head as left side of a product over keys. Shape: [tiles of size][keys][height].
    /// </summary>
    public static void PackElements<S, V>(float* x, int stride, int keys, int size, float* packed)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        for (int i = 0; i < size; i += S.TileRows)
        {
            int count = Math.Min(S.TileRows, size - i);
            Packing.Rows(new GemmOperand(x, stride, true), i, count, 0, keys, MicroKernel.HeightFor(count),
                packed + ((long)i * keys));
        }
    }

    /// <summary>
    /// Queries as right side: the transpose, times a factor. Shape: [size][2 * Width], missing queries zero.
    /// </summary>
    public static void PackQueries<S, V>(float* x, int stride, int count, int size, float factor, float* panel)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int width = 2 * S.Width;
        if (count < width)
        {
            new Span<float>(panel, size * width).Clear();
        }

        Transposing.Run(x, stride, count, size, panel, width);
        if (factor != 1)
        {
            V scale = S.Splat(factor);
            for (int i = 0; i < size * width; i += S.Width)
            {
                S.Store(panel + i, S.Multiply(S.Load(panel + i), scale));
            }
        }
    }

    /// <summary>
    /// c [rows][2 * Width] = packed left side times a panel; rows up to the next tile are overwritten too. Shapes: a
    /// [tiles][k][height], b [k][2 * Width]. The heights of a's tiles follow from the <paramref name="packedRows"/> it
    /// was packed with.
    /// </summary>
    public static void Product<S, V>(float* a, int rows, int packedRows, long aStride, float* b, int k, float* c)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int width = 2 * S.Width;
        for (int i = 0; i < rows; i += S.TileRows)
        {
            int height = MicroKernel.HeightFor(Math.Min(S.TileRows, packedRows - i));
            MicroKernel.Run<S, V>(height, a + (i * aStride), b, k, c + ((long)i * width), width, null, 0);
        }
    }

    /// <summary>
    /// c [rows][ldc] += x y for x [rows][2 * Width], of which the first queries count, and y in panels
    /// [panel][queries][2 * Width].
    /// </summary>
    public static void AddOuter<S, V>(float* x, int rows, float* y, int queries, int panels, float* c)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int width = 2 * S.Width;
        int ldc = panels * width;
        for (int i = 0; i < rows; i += S.TileRows)
        {
            int height = MicroKernel.HeightFor(Math.Min(S.TileRows, rows - i));
            for (int p = 0; p < panels; p++)
            {
                float* to = c + ((long)i * ldc) + (p * width);
                MicroKernel.Run<S, V, PanelsF32<S, V>, PanelLeft<S, V>>(height, x + ((long)i * width),
                    (byte*)(y + ((long)p * width * width)), queries, to, ldc, to, ldc);
            }
        }
    }

    /// <summary>
    /// Adds the relative position bias. Shapes: scores [rows * columns][2 * Width], biases [rows or columns][2 *
    /// Width].
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddBias<S, V>(float* scores, float* biasRows, int rows, float* biasColumns, int columns)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int width = 2 * S.Width;
        for (int r = 0; r < rows; r++)
        {
            V left = S.Load(biasRows + (r * width));
            V right = S.Load(biasRows + (r * width) + S.Width);
            for (int c = 0; c < columns; c++, scores += width)
            {
                float* bias = biasColumns + (c * width);
                S.Store(scores, S.Add(S.Load(scores), S.Add(left, S.Load(bias))));
                S.Store(scores + S.Width, S.Add(S.Load(scores + S.Width), S.Add(right, S.Load(bias + S.Width))));
            }
        }
    }

    /// <summary>
    /// Hides keys: row j of a lane whose limit is j or less becomes minus infinity, and so does a row that is not
    /// valid. Shapes: scores [keys][2 * Width], limits [2 * Width], valid [keys] or null.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Hide<S, V>(float* scores, int keys, float* limits, int limitMin, float* valid)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int width = 2 * S.Width;
        V hidden = S.Splat(float.NegativeInfinity);
        V left = S.Load(limits);
        V right = S.Load(limits + S.Width);
        for (int j = limitMin; j < keys; j++)
        {
            V position = S.Splat(j);
            float* row = scores + ((long)j * width);
            S.Store(row, S.WherePositive(S.Subtract(left, position), S.Load(row), hidden));
            S.Store(row + S.Width, S.WherePositive(S.Subtract(right, position), S.Load(row + S.Width), hidden));
        }

        for (int j = 0; valid is not null && j < keys; j++)
        {
            if (valid[j] == 0)
            {
                S.Store(scores + ((long)j * width), hidden);
                S.Store(scores + ((long)j * width) + S.Width, hidden);
            }
        }
    }

    /// <summary>
    /// scores = exp(scores - max) down each column; inverses [2 * Width] = 1 / sum, or 0 where every key is hidden.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Exponentials<S, V>(float* scores, int keys, float* inverses)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        // Starting from a finite number keeps (-inf) - max from being not-a-number where all keys are hidden.
        for (int half = 0; half < 2; half++, scores += S.Width, inverses += S.Width)
        {
            int width = 2 * S.Width;
            V most = S.Splat(-3e38f);
            V more = most;
            int j = 0;
            for (; j + 2 <= keys; j += 2)
            {
                most = S.Max(S.Load(scores + ((long)j * width)), most);
                more = S.Max(S.Load(scores + ((long)(j + 1) * width)), more);
            }

            if (j < keys)
            {
                most = S.Max(S.Load(scores + ((long)j * width)), most);
            }

            most = S.Max(most, more);
            V sum = S.Zero;
            for (j = 0; j < keys; j++)
            {
                V e = VectorMath.Exp<S, V>(S.Subtract(S.Load(scores + ((long)j * width)), most));
                S.Store(scores + ((long)j * width), e);
                sum = S.Add(sum, e);
            }

            S.Store(inverses, S.WherePositive(sum, S.Divide(S.Splat(1f), sum), S.Zero));
        }
    }

    /// <summary>Multiplies every row by a vector a lane. Shapes: x [rows][2 * Width], factors [2 * Width].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ScaleColumns<S, V>(float* x, int rows, float* factors)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        V left = S.Load(factors);
        V right = S.Load(factors + S.Width);
        for (int j = 0; j < rows; j++, x += 2 * S.Width)
        {
            S.Store(x, S.Multiply(S.Load(x), left));
            S.Store(x + S.Width, S.Multiply(S.Load(x + S.Width), right));
        }
    }
}
