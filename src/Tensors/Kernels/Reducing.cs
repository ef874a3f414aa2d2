using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>Sums. Rows are cut into chunks by number alone, so that results do not depend on threads.</summary>
internal static unsafe class Reducing
{
    private const int ChunksMax = 16;
    private const int ForkElements = 32768;

    /// <summary>Sum of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Sum<S, V>(float* x, int count)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        V first = S.Zero;
        V second = S.Zero;
        int i = 0;
        for (; i + (2 * S.Width) <= count; i += 2 * S.Width)
        {
            first = S.Add(first, S.Load(x + i));
            second = S.Add(second, S.Load(x + i + S.Width));
        }

        float sum = S.Sum(S.Add(first, second));
        for (; i < count; i++)
        {
            sum += x[i];
        }

        return sum;
    }

    /// <summary>y += column sums of x. Shapes: x [rows, columns], y [columns].</summary>
    public static void ColumnSums<S, V>(CpuContext context, float* x, int rows, int columns, float* y)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int chunks = (long)rows * columns < ForkElements ? 1 : Math.Min(ChunksMax, rows);
        if (chunks == 1)
        {
            AddRows<S, V>(x, rows, columns, y);
            return;
        }

        int rowsEach = (rows + chunks - 1) / chunks;
        chunks = (rows + rowsEach - 1) / rowsEach;
        using Scratch partial = new(context.Memory, (long)chunks * columns);
        context.Pool.Run(new Job<S, V> { X = x, Rows = rows, RowsEach = rowsEach, Columns = columns,
            Partial = partial.Pointer },
            chunks);
        AddRows<S, V>(partial.Pointer, chunks, columns, y);
    }

    /// <summary>y += all rows of x, in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddRows<S, V>(float* x, int rows, int columns, float* y)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        for (int row = 0; row < rows; row++, x += columns)
        {
            int i = 0;
            for (; i + S.Width <= columns; i += S.Width)
            {
                S.Store(y + i, S.Add(S.Load(y + i), S.Load(x + i)));
            }

            for (; i < columns; i++)
            {
                y[i] += x[i];
            }
        }
    }

    /// <summary>y += sums of each channel. Shapes: x [batch, channels, pixels], y [channels].</summary>
    public static void ChannelSums<S, V>(WorkerPool pool, float* x, int batch, int channels, int pixels, float* y)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int each = Math.Max(1, ForkElements / Math.Max(1, batch * pixels));
        pool.Run(
            new ChannelJob<S, V>
            {
                X = x,
                Batch = batch,
                Channels = channels,
                ChannelsEach = each,
                Pixels = pixels,
                Y = y,
            },
            (channels + each - 1) / each);
    }

    private struct ChannelJob<S, V> : IJob
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        public float* X;
        public int Batch;
        public int Channels;
        public int ChannelsEach;
        public int Pixels;
        public float* Y;

        public readonly void Run(int index, int thread)
        {
            int end = Math.Min((index + 1) * ChannelsEach, Channels);
            for (int c = index * ChannelsEach; c < end; c++)
            {
                float sum = 0;
                for (int b = 0; b < Batch; b++)
                {
                    sum += Sum<S, V>(X + ((((long)b * Channels) + c) * Pixels), Pixels);
                }

                Y[c] += sum;
            }
        }
    }

    private struct Job<S, V> : IJob
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        public float* X;
        public int Rows;
        public int RowsEach;
        public int Columns;
        public float* Partial;

        public readonly void Run(int index, int thread)
        {
            int start = index * RowsEach;
            float* sums = Partial + ((long)index * Columns);
            new Span<float>(sums, Columns).Clear();
            AddRows<S, V>(X + ((long)start * Columns), Math.Min(RowsEach, Rows - start), Columns, sums);
        }
    }
}
