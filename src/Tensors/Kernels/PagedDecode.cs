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
/// Attention of single query rows over pages: a task is one row and one key/value head, whose keys are read once for
/// all query heads that share them.
/// </summary>
internal unsafe struct PagedDecodeJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
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

    /// <summary>Shape: [threads][group][ScratchEach].</summary>
    public float* Scratch;

    /// <summary>Most visible keys of a row.</summary>
    public int ScratchEach;

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        PagedRow row = Rows[index / KvHeads];
        int kvHead = index % KvHeads;
        int group = Heads / KvHeads;
        long at = (((long)row.Row * Heads) + (kvHead * group)) * Size;
        float* scores = Scratch + ((long)thread * group * ScratchEach);
        Score(row, kvHead, Q + at, group, scores);
        for (int g = 0; g < group; g++)
        {
            float* weights = scores + ((long)g * ScratchEach);
            SoftmaxKernels.Row<S, V>(weights, row.Visible, weights);
            Weigh(row, kvHead, weights, Y + at + (g * Size));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Score(in PagedRow row, int kvHead, float* q, int group, float* scores)
    {
        int stride = KvHeads * Size;
        for (int j = 0; j < row.Visible; j++)
        {
            float* key = Keys + ((((long)row.Pages[j / PageSize] * PageSize) + (j % PageSize)) * stride)
                + (kvHead * Size);
            for (int g = 0; g < group; g++)
            {
                float* query = q + (g * Size);
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

                scores[((long)g * ScratchEach) + j] = dot * Scale;
            }
        }
    }

    // y = weights V, a vector of elements at a time over all keys.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Weigh(in PagedRow row, int kvHead, float* weights, float* y)
    {
        int stride = KvHeads * Size;
        int e = 0;
        for (; e + S.Width <= Size; e += S.Width)
        {
            V first = S.Zero;
            V second = S.Zero;
            for (int start = 0; start < row.Visible; start += PageSize)
            {
                float* value = Values + ((long)row.Pages[start / PageSize] * PageSize * stride) + (kvHead * Size) + e;
                int end = Math.Min(start + PageSize, row.Visible);
                int j = start;
                for (; j + 2 <= end; j += 2, value += 2 * stride)
                {
                    first = S.Fma(S.Splat(weights[j]), S.Load(value), first);
                    second = S.Fma(S.Splat(weights[j + 1]), S.Load(value + stride), second);
                }

                if (j < end)
                {
                    first = S.Fma(S.Splat(weights[j]), S.Load(value), first);
                }
            }

            S.Store(y + e, S.Add(first, second));
        }

        for (; e < Size; e++)
        {
            float sum = 0;
            for (int j = 0; j < row.Visible; j++)
            {
                sum += weights[j]
                    * Values[((((long)row.Pages[j / PageSize] * PageSize) + (j % PageSize)) * stride) + (kvHead * Size)
                        + e];
            }

            y[e] = sum;
        }
    }
}
