using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// Resampling of planes. A row of the result that is smaller than the source is first mixed from two source rows
/// (vectors), then sampled across; of one that is larger both source rows are sampled across first, since a source row
/// then serves many results. Backward runs the first way in reverse.
/// </summary>
internal unsafe struct ResizeJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public int InHeight;
    public int InWidth;
    public int Height;
    public int Width;
    public ResizeMode Mode;

    /// <summary>The small side of the computation: source (forward) or gradient of the source (backward).</summary>
    public float* X;

    /// <summary>Result (forward) or its gradient (backward).</summary>
    public float* Y;

    public bool Back;

    /// <summary>Taps across. Shapes: [Width] each.</summary>
    public int* First;

    public int* Second;
    public float* Weight;

    /// <summary>Shape: [threads][RowsEach].</summary>
    public float* Rows;

    public int RowsEach;

    /// <summary>Runs all planes.</summary>
    public static void RunAll(CpuContext context, ResizeJob<S, V> job, int planes)
    {
        job.RowsEach = Math.Max(job.InWidth, 2 * job.Width);
        using Scratch scratch = new(context.Memory, (3L * job.Width) + ((long)job.RowsEach * context.Pool.ThreadCount));
        job.First = (int*)scratch.Pointer;
        job.Second = job.First + job.Width;
        job.Weight = scratch.Pointer + (2L * job.Width);
        job.Rows = job.Weight + job.Width;
        for (int c = 0; c < job.Width; c++)
        {
            (job.First[c], job.Second[c], job.Weight[c]) = ResizeTap.At(c, job.InWidth, job.Width, job.Mode);
        }

        context.Pool.Run(job, planes);
    }

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        float* x = X + ((long)index * InHeight * InWidth);
        float* y = Y + ((long)index * Height * Width);
        float* row = Rows + ((long)thread * RowsEach);
        if (!Back && Height > InHeight)
        {
            Enlarge(x, y, row);
            return;
        }

        for (int r = 0; r < Height; r++, y += Width)
        {
            ResizeTap down = ResizeTap.At(r, InHeight, Height, Mode);
            float* first = x + ((long)down.First * InWidth);
            float* second = x + ((long)down.Second * InWidth);
            if (Back)
            {
                Spread(y, row);
                AddScaled(row, 1 - down.Weight, first);
                AddScaled(row, down.Weight, second);
            }
            else
            {
                Mix(first, second, down.Weight, InWidth, row);
                Sample(row, y);
            }
        }
    }

    // The two rows that are sampled last stay: results need them in ascending order.
    private readonly void Enlarge(float* x, float* y, float* rows)
    {
        (int upper, int lower) = (-1, -1);
        float* upperRow = rows;
        float* lowerRow = rows + Width;
        for (int r = 0; r < Height; r++, y += Width)
        {
            ResizeTap down = ResizeTap.At(r, InHeight, Height, Mode);
            if (upper != down.First)
            {
                if (lower == down.First)
                {
                    (upper, lower) = (lower, upper);
                    float* row = upperRow;
                    upperRow = lowerRow;
                    lowerRow = row;
                }
                else
                {
                    Sample(x + ((long)down.First * InWidth), upperRow);
                    upper = down.First;
                }
            }

            if (down.Weight == 0)
            {
                new ReadOnlySpan<float>(upperRow, Width).CopyTo(new Span<float>(y, Width));
                continue;
            }

            if (lower != down.Second)
            {
                Sample(x + ((long)down.Second * InWidth), lowerRow);
                lower = down.Second;
            }

            Mix(upperRow, lowerRow, down.Weight, Width, y);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix(float* first, float* second, float weight, int count, float* row)
    {
        V right = S.Splat(weight);
        int c = 0;
        for (; c + S.Width <= count; c += S.Width)
        {
            V from = S.Load(first + c);
            S.Store(row + c, S.Fma(right, S.Subtract(S.Load(second + c), from), from));
        }

        for (; c < count; c++)
        {
            row[c] = first[c] + (weight * (second[c] - first[c]));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Sample(float* row, float* y)
    {
        // Locals: the compiler would read the fields again after each write.
        int count = Width;
        int* first = First;
        int* second = Second;
        float* weight = Weight;
        for (int c = 0; c < count; c++)
        {
            float from = row[first[c]];
            y[c] = from + (weight[c] * (row[second[c]] - from));
        }
    }

    private readonly void Spread(float* y, float* row)
    {
        new Span<float>(row, InWidth).Clear();
        for (int c = 0; c < Width; c++)
        {
            row[First[c]] += y[c] * (1 - Weight[c]);
            row[Second[c]] += y[c] * Weight[c];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void AddScaled(float* row, float factor, float* to)
    {
        V all = S.Splat(factor);
        int c = 0;
        for (; c + S.Width <= InWidth; c += S.Width)
        {
            S.Store(to + c, S.Fma(all, S.Load(row + c), S.Load(to + c)));
        }

        for (; c < InWidth; c++)
        {
            to[c] += factor * row[c];
        }
    }
}
