using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// One task of y = x W^T + bias where both sides are packed for dot products of pairs: some rows by some panels, all of
/// k. What an element is does not depend on the height of its tile.
/// </summary>
internal unsafe struct TileJob<S, V, P> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
    where P : struct, ITileProduct
{
    // Bytes of a task's panels and of its rows: together a share of the second-level cache.
    private const int TaskPanelBytes = 128 << 10;
    private const int TaskRowBytes = 128 << 10;

    // Tasks that several threads find enough of, if there are that many panels.
    private const int TasksMin = 8;

    // Below this many multiply-adds a fork costs more than it gains.
    private const long ForkMin = 300_000;

    private const int HeightMax = 12;

    public GemmShape Shape;

    /// <summary>Rows (<see cref="TileRows{P}"/>).</summary>
    public float* Rows;

    /// <summary>Weights.</summary>
    public byte* Panels;

    /// <summary>Shape: [N]; null for none.</summary>
    public float* Bias;

    /// <summary>Shape: [M, N].</summary>
    public float* Y;

    public int TileRows;
    public int RowsEach;
    public int PanelsEach;
    public int RowTasks;

    /// <summary>Computes the whole product.</summary>
    public static void RunAll(CpuContext context, GemmShape shape, float* x, byte* panels, float* bias, float* y)
    {
        if (shape.M == 0 || shape.N == 0)
        {
            return;
        }

        int tileRows = EvenTile(shape.M);
        using Scratch rows = new(context.Memory, TileRows<P>.Count(shape.M, tileRows, shape.K));
        TileRows<P>.Pack(context.Pool, x, shape.M, tileRows, shape.K, rows.Pointer);
        int panelCount = Gemm.Panels<S, V>(shape.N);
        long panelBytes = Math.Max(1, P.PanelBytes(shape.K));
        long tileBytes = Math.Max(1, (long)tileRows * P.RowFloats(shape.K) * sizeof(float));
        int rowsEach = (int)Math.Max(1, TaskRowBytes / tileBytes) * tileRows;
        int rowTasks = (shape.M + rowsEach - 1) / rowsEach;
        int columnTasksMin = (TasksMin + rowTasks - 1) / rowTasks;
        int panelsEach = (int)Math.Clamp(TaskPanelBytes / panelBytes, 1,
            Math.Max(1, (panelCount + columnTasksMin - 1) / columnTasksMin));
        var job = new TileJob<S, V, P>
        {
            Shape = shape,
            Rows = rows.Pointer,
            Panels = panels,
            Bias = bias,
            Y = y,
            TileRows = tileRows,
            RowsEach = rowsEach,
            PanelsEach = panelsEach,
            RowTasks = rowTasks,
        };
        int tasks = rowTasks * ((panelCount + panelsEach - 1) / panelsEach);
        if ((long)shape.M * shape.N * shape.K < ForkMin)
        {
            for (int i = 0; i < tasks; i++)
            {
                job.Run(i, 0);
            }

            return;
        }

        context.Pool.Run(job, tasks);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Tasks of the same panels follow each other: weights come from memory once. Within a task a tile stays in the
    /// first-level cache, and panels, which are asked for in advance, come from the second.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public readonly void Run(int index, int thread)
    {
        int width = 2 * S.Width;
        float* sums = stackalloc float[HeightMax * width];
        int first = index % RowTasks * RowsEach;
        int rowEnd = Math.Min(first + RowsEach, Shape.M);
        int panel = index / RowTasks * PanelsEach;
        int panelEnd = Math.Min(panel + PanelsEach, Gemm.Panels<S, V>(Shape.N));
        long panelBytes = P.PanelBytes(Shape.K);
        for (int row = first; row < rowEnd; row += TileRows)
        {
            int count = Math.Min(TileRows, rowEnd - row);
            float* tile = TileRows<P>.At(Rows, row, Shape.K);
            for (int p = panel; p < panelEnd; p++)
            {
                P.Run(MicroKernel.HeightFor(count), tile, Panels + (p * panelBytes), Shape.K, sums);
                Write(sums, row, count, p * width);
            }
        }
    }

    // Rows of a tile such that all tiles are about as high: sixteen rows are two tiles of eight, not twelve and four,
    // which would read the panel a second time for little.
    private static int EvenTile(int rows)
    {
        int tiles = (rows + S.TileRows - 1) / S.TileRows;
        return Math.Min(S.TileRows, MicroKernel.HeightFor((rows + tiles - 1) / tiles));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Write(float* sums, int row, int count, int column)
    {
        int width = 2 * S.Width;
        int columns = Math.Min(width, Shape.N - column);
        float* bias = Bias is null ? null : Bias + column;
        float* y = Y + ((long)row * Shape.N) + column;
        float* scales = TileRows<P>.Scales(Rows, Shape.M, TileRows, Shape.K) + row;
        for (int i = 0; i < count; i++, sums += width, y += Shape.N)
        {
            if (columns == width)
            {
                V scale = S.Splat(scales[i]);
                V left = S.Load(sums);
                V right = S.Load(sums + S.Width);
                S.Store(y, bias is null ? S.Multiply(left, scale) : S.Fma(left, scale, S.Load(bias)));
                S.Store(y + S.Width,
                    bias is null ? S.Multiply(right, scale) : S.Fma(right, scale, S.Load(bias + S.Width)));
                continue;
            }

            for (int j = 0; j < columns; j++)
            {
                y[j] = MathF.FusedMultiplyAdd(sums[j], scales[i], bias is null ? 0 : bias[j]);
            }
        }
    }
}
