using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>Rows of one matrix copied, or added, to rows of another one: slices, padding, concatenation.</summary>
internal unsafe struct CopyRowsJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    private const int TaskElements = 32768;

    public float* From;
    public long FromStride;
    public float* To;
    public long ToStride;
    public int Rows;
    public int Width;

    /// <summary>Whether rows are added to what is there.</summary>
    public bool Adds;

    // Long rows are cut, short ones go together.
    private int _rowsEach;
    private int _parts;

    /// <summary>Runs all rows.</summary>
    public static void RunAll(WorkerPool pool, CopyRowsJob<S, V> job)
    {
        if (job.Rows == 0 || job.Width == 0)
        {
            return;
        }

        job._parts = (job.Width + TaskElements - 1) / TaskElements;
        job._rowsEach = Math.Max(1, TaskElements / job.Width);
        pool.Run(job, (job.Rows + job._rowsEach - 1) / job._rowsEach * job._parts);
    }

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        int row = index / _parts * _rowsEach;
        int end = Math.Min(row + _rowsEach, Rows);
        int first = index % _parts * TaskElements;
        int width = Math.Min(TaskElements, Width - first);
        float* x = From + (row * FromStride) + first;
        float* y = To + (row * ToStride) + first;
        if (Adds)
        {
            Add(x, FromStride, y, ToStride, end - row, width);
        }
        else
        {
            Copy(x, FromStride, y, ToStride, end - row, width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Copy(float* x, long xStride, float* y, long yStride, int rows, int width)
    {
        for (int row = 0; row < rows; row++, x += xStride, y += yStride)
        {
            int i = 0;
            for (; i + S.Width <= width; i += S.Width)
            {
                S.Store(y + i, S.Load(x + i));
            }

            for (; i < width; i++)
            {
                y[i] = x[i];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(float* x, long xStride, float* y, long yStride, int rows, int width)
    {
        for (int row = 0; row < rows; row++, x += xStride, y += yStride)
        {
            int i = 0;
            for (; i + S.Width <= width; i += S.Width)
            {
                S.Store(y + i, S.Add(S.Load(y + i), S.Load(x + i)));
            }

            for (; i < width; i++)
            {
                y[i] += x[i];
            }
        }
    }
}
