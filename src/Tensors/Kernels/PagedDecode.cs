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
/// read position by position, four at a time, so that memory is read from end to end, one page ahead: with many
/// sequences they come from memory, and a head's own elements lie a whole row apart.
/// </summary>
internal unsafe struct PagedDecodeJob<S, V, K> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
    where K : struct, IKvVectors<S, V>
{
    private const int LineFloats = 16;

    // Positions at a time: their sums across lanes are taken together, and a result is read and written once for them.
    private const int Together = 4;

    // Floats that are asked for in advance: 8 KB (a page of 16 positions of 512 numbers ahead took 1.4 times as long).
    private const int AheadFloats = 2048;

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

    /// <summary>Room for the scores of a row's visible keys.</summary>
    public int ScratchEach;

    /// <summary>Scores [query heads of a task][ScratchEach].</summary>
    public readonly int ScratchTotal => Heads / KvHeads * HeadsEach * ScratchEach;

    private readonly int Group => Heads / KvHeads;

    // Floats of memory of a head, and of a position.
    private readonly int Cell => KvCell.Words(K.Type, Size);

    private readonly int Stride => KvHeads * Cell;

    // Positions that are asked for in advance, in this page or the next.
    private readonly int Ahead =>
        Math.Min(PageSize, Math.Max(Together, AheadFloats / Stride / Together * Together));

    /// <summary>Tasks of a row.</summary>
    public readonly int Splits => (KvHeads + HeadsEach - 1) / HeadsEach;

    /// <summary>Room for the scores of so many keys, written four at a time and read a vector at a time.</summary>
    public static int RoomFor(int visible) => Tensors.Gemm.RoundUp(visible + Together - 1, LineFloats);

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

        Weigh(row, first, heads, scores, Y + at);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Score(in PagedRow row, int first, int heads, float* q, float* scores)
    {
        int stride = Stride;
        int ahead = Ahead;
        for (int start = 0; start < row.Visible; start += PageSize)
        {
            float* key = Keys + PageAt(row, start / PageSize) + (first * Cell);
            float* next = Keys + PageAt(row, NextPage(row, start)) + (first * Cell) - (PageSize * stride);
            int end = Math.Min(start + PageSize, row.Visible);
            for (int j = start; j < end; j += Together, key += Together * stride, next += Together * stride)
            {
                int last = Math.Min(Together, end - j) - 1;
                float* soon = j - start + ahead < PageSize ? key : next;
                Ask(soon + (ahead * stride), last, heads * Cell);
                for (int h = 0; h < heads * Group; h++)
                {
                    Dots(q + (h * Size), key + (h / Group * Cell), last, scores + ((long)h * ScratchEach) + j);
                }
            }
        }
    }

    // Four scores; those beyond the last position repeat it and are overwritten or never read.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Dots(float* query, float* key, int last, float* scores)
    {
        int stride = Stride;
        float* second = key + (Math.Min(1, last) * stride);
        float* third = key + (Math.Min(2, last) * stride);
        float* fourth = key + (last * stride);
        V a = S.Zero, b = S.Zero, c = S.Zero, d = S.Zero;
        int words = KvVectors.Words(Size);
        for (int word = 0; word < words; word += S.Width)
        {
            V low = S.Load(query + KvVectors.Element(word));
            V high = S.Load(query + KvVectors.Element(word) + (KvCell.Group / 2));
            a = S.Fma(high, K.High(key, word), S.Fma(low, K.Low(key, word), a));
            b = S.Fma(high, K.High(second, word), S.Fma(low, K.Low(second, word), b));
            c = S.Fma(high, K.High(third, word), S.Fma(low, K.Low(third, word), c));
            d = S.Fma(high, K.High(fourth, word), S.Fma(low, K.Low(fourth, word), d));
        }

        S.StoreSums(scores, a, b, c, d);
        for (int e = 2 * words; e < Size; e++)
        {
            scores[0] += query[e] * KvCell.At(K.Type, key, e, Size);
            scores[1] += query[e] * KvCell.At(K.Type, second, e, Size);
            scores[2] += query[e] * KvCell.At(K.Type, third, e, Size);
            scores[3] += query[e] * KvCell.At(K.Type, fourth, e, Size);
        }

        for (int i = 0; i < Together; i++)
        {
            scores[i] *= Scale;
        }
    }

    // y = weights V.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Weigh(in PagedRow row, int first, int heads, float* weights, float* y)
    {
        int stride = Stride;
        int ahead = Ahead;
        new Span<float>(y, heads * Group * Size).Clear();
        for (int start = 0; start < row.Visible; start += PageSize)
        {
            float* value = Values + PageAt(row, start / PageSize) + (first * Cell);
            float* next = Values + PageAt(row, NextPage(row, start)) + (first * Cell) - (PageSize * stride);
            int end = Math.Min(start + PageSize, row.Visible);
            for (int j = start; j < end; j += Together, value += Together * stride, next += Together * stride)
            {
                int last = Math.Min(Together, end - j) - 1;
                float* soon = j - start + ahead < PageSize ? value : next;
                Ask(soon + (ahead * stride), last, heads * Cell);
                for (int h = 0; h < heads * Group; h++)
                {
                    Add(value + (h / Group * Cell), last, weights + ((long)h * ScratchEach) + j, y + (h * Size));
                }
            }
        }
    }

    // y += four positions; those beyond the last one repeat it with weight zero.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Add(float* value, int last, float* weights, float* y)
    {
        int stride = Stride;
        float* second = value + (Math.Min(1, last) * stride);
        float* third = value + (Math.Min(2, last) * stride);
        float* fourth = value + (last * stride);
        (float a, float b) = (weights[0], last >= 1 ? weights[1] : 0);
        (float c, float d) = (last >= 2 ? weights[2] : 0, last >= 3 ? weights[3] : 0);
        (V va, V vb, V vc, V vd) = (S.Splat(a), S.Splat(b), S.Splat(c), S.Splat(d));
        int words = KvVectors.Words(Size);
        for (int word = 0; word < words; word += S.Width)
        {
            float* to = y + KvVectors.Element(word);
            V low = S.Fma(va, K.Low(value, word), S.Load(to));
            V high = S.Fma(va, K.High(value, word), S.Load(to + (KvCell.Group / 2)));
            low = S.Fma(vb, K.Low(second, word), low);
            high = S.Fma(vb, K.High(second, word), high);
            low = S.Fma(vc, K.Low(third, word), low);
            high = S.Fma(vc, K.High(third, word), high);
            S.Store(to, S.Fma(vd, K.Low(fourth, word), low));
            S.Store(to + (KvCell.Group / 2), S.Fma(vd, K.High(fourth, word), high));
        }

        for (int e = 2 * words; e < Size; e++)
        {
            y[e] += (a * KvCell.At(K.Type, value, e, Size)) + (b * KvCell.At(K.Type, second, e, Size))
                + (c * KvCell.At(K.Type, third, e, Size)) + (d * KvCell.At(K.Type, fourth, e, Size));
        }
    }

    private readonly long PageAt(in PagedRow row, int page) => (long)row.Pages[page] * PageSize * Stride;

    // The page after the one of a position; the same page again after the last.
    private readonly int NextPage(in PagedRow row, int start) =>
        start + PageSize < row.Visible ? (start / PageSize) + 1 : start / PageSize;

    // Asks for as many positions as are read now.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Ask(float* line, int last, int count)
    {
        for (int i = 0; i <= last; i++, line += Stride)
        {
            for (int e = 0; e < count; e += LineFloats)
            {
                S.Prefetch(line + e);
            }
        }
    }
}
