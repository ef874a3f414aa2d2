using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// One task of y = x W^T + bias with Q8 weights, in integers: some rows by some panels, all of k. An element is the sum
/// over blocks of 32, in order, of an exact integer sum times two scales, so the same in a tile of any height.
/// </summary>
internal unsafe struct QuantisedJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
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

    /// <summary>Rows (<see cref="QuantisedRows{S, V}"/>).</summary>
    public float* Rows;

    /// <summary>Weights (<see cref="QuantisedPanels{S, V}"/>).</summary>
    public byte* Panels;

    /// <summary>Shape: [N]; null for none.</summary>
    public float* Bias;

    /// <summary>Shape: [M, N].</summary>
    public float* Y;

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

        using Scratch rows = new(context.Memory, QuantisedRows<S, V>.Count(shape.M, shape.K));
        QuantisedRows<S, V>.Pack(context.Pool, x, shape.M, shape.K, rows.Pointer);
        int panelCount = Gemm.Panels<S, V>(shape.N);
        long panelBytes = Math.Max(1, QuantisedPanels<S, V>.PanelBytes(shape.K));
        int tileBytes = (int)Math.Max(1, QuantisedRows<S, V>.Count(S.TileRows, shape.K) * sizeof(float));
        int rowsEach = Math.Max(1, TaskRowBytes / tileBytes) * S.TileRows;
        int rowTasks = (shape.M + rowsEach - 1) / rowsEach;
        int columnTasksMin = (TasksMin + rowTasks - 1) / rowTasks;
        int panelsEach = (int)Math.Clamp(TaskPanelBytes / panelBytes, 1,
            Math.Max(1, (panelCount + columnTasksMin - 1) / columnTasksMin));
        var job = new QuantisedJob<S, V>
        {
            Shape = shape,
            Rows = rows.Pointer,
            Panels = panels,
            Bias = bias,
            Y = y,
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
    /// <remarks>Tasks of the same panels follow each other: weights come from memory once.</remarks>
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
        int blocks = QuantisedPanels<S, V>.Blocks(Shape.K);
        long panelBytes = QuantisedPanels<S, V>.PanelBytes(Shape.K);
        for (; panel < panelEnd; panel++)
        {
            for (int row = first; row < rowEnd; row += S.TileRows)
            {
                int count = Math.Min(S.TileRows, rowEnd - row);
                QuantisedKernel.Run<S, V>(MicroKernel.HeightFor(count), QuantisedRows<S, V>.At(Rows, row, Shape.K),
                    Panels + (panel * panelBytes), blocks, sums);
                Write(sums, row, count, panel * width);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Write(float* sums, int row, int count, int column)
    {
        int width = 2 * S.Width;
        int columns = Math.Min(width, Shape.N - column);
        float* bias = Bias is null ? null : Bias + column;
        float* y = Y + ((long)row * Shape.N) + column;
        for (int i = 0; i < count; i++, sums += width, y += Shape.N)
        {
            if (columns == width)
            {
                V left = S.Load(sums);
                V right = S.Load(sums + S.Width);
                S.Store(y, bias is null ? left : S.Add(left, S.Load(bias)));
                S.Store(y + S.Width, bias is null ? right : S.Add(right, S.Load(bias + S.Width)));
                continue;
            }

            for (int j = 0; j < columns; j++)
            {
                y[j] = sums[j] + (bias is null ? 0 : bias[j]);
            }
        }
    }
}
