using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>One query row of a decoding step.</summary>
internal unsafe struct PagedRow
{
    /// <summary>Row of q and y.</summary>
    public int Row;

    /// <summary>Keys that the row sees: the first ones of its sequence.</summary>
    public int Visible;

    /// <summary>Pages of its sequence.</summary>
    public int* Pages;
}

/// <summary>
/// Attention of single query rows over pages: a task is one row and some of its key/value heads. Keys and values are
/// read position by position, so that memory is read from end to end, one page ahead: with many sequences they come
/// from memory, and a head's own elements lie a whole row apart.
/// </summary>
internal unsafe struct PagedDecodeJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    private const int LineFloats = 16;

    public PagedRow* Rows;
    public float* Q;
    public float* Keys;
    public float* Values;
    public float* Y;
    public int Heads;
    public int KvHeads;
    public int Size;
    public int PageSize;
    public float Scale;

    /// <summary>Key/value heads of a task.</summary>
    public int HeadsEach;

    /// <summary>Shape: [threads][<see cref="ScratchTotal"/>].</summary>
    public float* Scratch;

    /// <summary>Most visible keys of a row.</summary>
    public int ScratchEach;

    /// <summary>Scores [query heads of a task][ScratchEach], then two sums for each element of their results.</summary>
    public readonly int ScratchTotal => Heads / KvHeads * HeadsEach * (ScratchEach + (2 * Size));

    private readonly int Group => Heads / KvHeads;

    /// <summary>Tasks of a row.</summary>
    public readonly int Splits => (KvHeads + HeadsEach - 1) / HeadsEach;

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        PagedRow row = Rows[index / Splits];
        int first = index % Splits * HeadsEach;
        int heads = Math.Min(HeadsEach, KvHeads - first);
        long at = (((long)row.Row * Heads) + (first * Group)) * Size;
        float* scores = Scratch + ((long)thread * ScratchTotal);
        Score(row, first, heads, Q + at, scores);
        for (int h = 0; h < heads * Group; h++)
        {
            float* weights = scores + ((long)h * ScratchEach);
            SoftmaxKernels.Row<S, V>(weights, row.Visible, weights);
        }

        Weigh(row, first, heads, scores, scores + ((long)heads * Group * ScratchEach), Y + at);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Score(in PagedRow row, int first, int heads, float* q, float* scores)
    {
        int stride = KvHeads * Size;
        for (int start = 0; start < row.Visible; start += PageSize)
        {
            float* key = Keys + ((long)row.Pages[start / PageSize] * PageSize * stride) + (first * Size);
            float* next = Keys + NextPage(row, start, stride) + (first * Size);
            int end = Math.Min(start + PageSize, row.Visible);
            for (int j = start; j < end; j++, key += stride, next += stride)
            {
                Ask(next, heads * Size);
                for (int h = 0; h < heads * Group; h++)
                {
                    scores[((long)h * ScratchEach) + j] = Dot(q + (h * Size), key + (h / Group * Size)) * Scale;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly float Dot(float* query, float* key)
    {
        V sum = S.Zero;
        int e = 0;
        for (; e + S.Width <= Size; e += S.Width)
        {
            sum = S.Fma(S.Load(query + e), S.Load(key + e), sum);
        }

        float dot = S.Sum(sum);
        for (; e < Size; e++)
        {
            dot += query[e] * key[e];
        }

        return dot;
    }

    // y = weights V. An element has two sums, of even and of odd positions, so that additions overlap.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Weigh(in PagedRow row, int first, int heads, float* weights, float* sums, float* y)
    {
        int stride = KvHeads * Size;
        int width = heads * Group * Size;
        int whole = Size - (Size % S.Width);
        new Span<float>(sums, 2 * width).Clear();
        for (int start = 0; start < row.Visible; start += PageSize)
        {
            float* value = Values + ((long)row.Pages[start / PageSize] * PageSize * stride) + (first * Size);
            float* next = Values + NextPage(row, start, stride) + (first * Size);
            int end = Math.Min(start + PageSize, row.Visible);
            int j = start;
            for (; j + 2 <= end; j += 2, value += 2 * stride, next += 2 * stride)
            {
                Ask(next, heads * Size);
                Ask(next + stride, heads * Size);
                for (int h = 0; h < heads * Group; h++)
                {
                    float* own = weights + ((long)h * ScratchEach) + j;
                    (V even, V odd) = (S.Splat(own[0]), S.Splat(own[1]));
                    float* from = value + (h / Group * Size);
                    float* to = sums + (h * Size);
                    for (int e = 0; e < whole; e += S.Width)
                    {
                        S.Store(to + e, S.Fma(even, S.Load(from + e), S.Load(to + e)));
                        S.Store(to + width + e, S.Fma(odd, S.Load(from + stride + e), S.Load(to + width + e)));
                    }
                }
            }

            for (int h = 0; j < end && h < heads * Group; h++)
            {
                V even = S.Splat(weights[((long)h * ScratchEach) + j]);
                float* from = value + (h / Group * Size);
                float* to = sums + (h * Size);
                for (int e = 0; e < whole; e += S.Width)
                {
                    S.Store(to + e, S.Fma(even, S.Load(from + e), S.Load(to + e)));
                }
            }
        }

        for (int h = 0; h < heads * Group; h++)
        {
            float* to = y + (h * Size);
            for (int e = 0; e < whole; e += S.Width)
            {
                S.Store(to + e, S.Add(S.Load(sums + (h * Size) + e), S.Load(sums + width + (h * Size) + e)));
            }

            for (int e = whole; e < Size; e++)
            {
                to[e] = WeighOne(row, first + (h / Group), weights + ((long)h * ScratchEach), e);
            }
        }
    }

    private readonly float WeighOne(in PagedRow row, int kvHead, float* weights, int e)
    {
        float sum = 0;
        for (int j = 0; j < row.Visible; j++)
        {
            sum += weights[j] * Values[((((long)row.Pages[j / PageSize] * PageSize) + (j % PageSize)) * KvHeads * Size)
                + (kvHead * Size) + e];
        }

        return sum;
    }

    // Where the page after the one of a position begins; the same page again after the last.
    private readonly long NextPage(in PagedRow row, int start, int stride)
    {
        int index = start + PageSize < row.Visible ? (start / PageSize) + 1 : start / PageSize;
        return (long)row.Pages[index] * PageSize * stride;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Ask(float* line, int count)
    {
        for (int e = 0; e < count; e += LineFloats)
        {
            S.Prefetch(line + e);
        }
    }
}
