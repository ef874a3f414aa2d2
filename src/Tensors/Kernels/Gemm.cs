using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// Matrix products: the right side packed in panels (once for a weight), the left side packed by each task in slices of
/// k that stay in the second-level cache.
/// </summary>
/// <remarks>
/// An element is the sum over slices of k of <see cref="SliceMax"/> at most, in order; neither the cut into tasks nor
/// the number of threads changes it.
/// </remarks>
internal static unsafe class Gemm
{
    /// <summary>
    /// Longest slice of k: a panel of 32 columns then takes 48 KB at most, about the first-level cache.
    /// </summary>
    public const int SliceMax = 384;

    // Rows of a task: 168 x 384 floats are 252 KB, a quarter of a 1 MB second-level cache.
    private const int TaskRows = 168;

    // Up to here the rows of a task, packed for all of k, fit beside the panel that is being read.
    private const int StreamRows = 24;

    // Elements of a right side that are packed at a time: 4 MB, a share of the last-level cache.
    private const long PieceElements = 1 << 20;

    // Tasks that both threads find enough of, and rows that a task keeps when it is cut for that.
    private const int TasksMin = 8;
    private const int CutRowsMin = 96;

    // Tasks of fewer panels than this feel the packing of their rows, which is then done once for all of them, as long
    // as all rows are a share of the last-level cache.
    private const int SharePanels = 16;
    private const long ShareElements = 2 << 20;

    // Below this many multiply-adds a fork costs more than it gains (0.4 us and some cache misses).
    private const long ForkMin = 150_000;

    /// <summary>Elements of a packed right side.</summary>
    public static long PackedCount<S, V>(int n, int k)
        where S : struct, ISimd<V>
        where V : unmanaged => (long)Panels<S, V>(n) * 2 * S.Width * k;

    /// <summary>Panels of a right side with n columns.</summary>
    public static int Panels<S, V>(int n)
        where S : struct, ISimd<V>
        where V : unmanaged => (n + (2 * S.Width) - 1) / (2 * S.Width);

    /// <summary>Packs a whole right side. Shape of the result: [panels][k][2 * Width].</summary>
    public static void Pack<S, V>(WorkerPool pool, GemmOperand b, int n, int k, float* packed)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int panels = Panels<S, V>(n);
        int each = Math.Max(1, 16384 / Math.Max(1, 2 * S.Width * k));
        pool.Run(new PackJob<S, V> { B = b, N = n, K = k, PanelsEach = each, Packed = packed },
            (panels + each - 1) / each);
    }

    /// <summary>c = a b, or c += a b; the right side is packed here.</summary>
    public static void Run<S, V>(CpuContext context, GemmShape shape, GemmOperand a, GemmOperand b, float* c, int ldc,
        bool accumulate)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        // A long right side is packed piece by piece, so that each piece is still in the cache when it is read.
        int slice = SliceOf(shape.K);
        int piece = slice * (int)Math.Max(1, PieceElements / Math.Max(1, PackedCount<S, V>(shape.N, slice)));
        using Scratch packed = new(context.Memory, PackedCount<S, V>(shape.N, Math.Min(piece, shape.K)));
        for (int k0 = 0; k0 == 0 || k0 < shape.K; k0 += piece)
        {
            int k = Math.Min(piece, shape.K - k0);
            Pack<S, V>(context.Pool, b.Plus(b.Transposed ? k0 : (long)k0 * b.Stride), shape.N, k, packed.Pointer);
            RunPacked<S, V, PanelsF32<S, V>>(context, shape with { K = k },
                a.Plus(a.Transposed ? (long)k0 * a.Stride : k0), (byte*)packed.Pointer, null, c, ldc,
                accumulate || k0 > 0);
        }
    }

    /// <summary>c = a b (+ bias in every row), or c += a b, with the right side in panels.</summary>
    public static void RunPacked<S, V, L>(CpuContext context, GemmShape shape, GemmOperand a, byte* panels, float* bias,
        float* c, int ldc, bool accumulate)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V>
    {
        if (shape.M == 0 || shape.N == 0)
        {
            return;
        }

        int slice = SliceOf(shape.K);

        // Rows are cut before columns, since a task packs its rows for all of its columns. Tasks are of about equal
        // height: a last one of a few rows would read all panels for little.
        int rowTasks = Math.Max((shape.M + TaskRows - 1) / TaskRows, Math.Min(TasksMin, shape.M / CutRowsMin));
        int rows = RoundUp((shape.M + rowTasks - 1) / rowTasks, S.TileRows);
        rowTasks = (shape.M + rows - 1) / rows;
        int panelCount = Panels<S, V>(shape.N);
        long work = (long)shape.M * shape.N * shape.K;
        int columnTasks = work < ForkMin || rowTasks >= TasksMin - 2
            ? 1
            : Math.Min(panelCount, (TasksMin + rowTasks - 1) / rowTasks);
        int panelsEach = (panelCount + columnTasks - 1) / columnTasks;
        columnTasks = (panelCount + panelsEach - 1) / panelsEach;
        bool streams = rows <= StreamRows;
        long left = LeftSide<S, V>.Count(shape.M, shape.K);
        bool shares = columnTasks > 1 && panelsEach <= SharePanels && left <= ShareElements;
        int scratchEach = rows * (streams ? shape.K : slice);
        using Scratch scratch = new(context.Memory, shares ? left : (long)scratchEach * context.Pool.ThreadCount);
        if (shares)
        {
            LeftSide<S, V>.Pack(context.Pool, a, shape.M, shape.K, slice, scratch.Pointer);
        }

        var job = new GemmJob<S, V, L>
        {
            Shape = shape,
            A = a,
            Panels = panels,
            Bias = bias,
            C = c,
            Ldc = ldc,
            Accumulate = accumulate,
            Slice = slice,
            RowsEach = rows,
            PanelsEach = panelsEach,
            ColumnTasks = columnTasks,
            Streams = streams,
            Shares = shares,
            Scratch = scratch.Pointer,
            ScratchEach = scratchEach,
        };
        int tasks = rowTasks * columnTasks;
        if (work < ForkMin)
        {
            for (int i = 0; i < tasks; i++)
            {
                job.Run(i, 0);
            }

            return;
        }

        context.Pool.Run(job, tasks);
    }

    /// <summary>Equal slices of <see cref="SliceMax"/> at most.</summary>
    public static int SliceOf(int k)
    {
        int slices = Math.Max(1, (k + SliceMax - 1) / SliceMax);
        return Math.Max(1, (k + slices - 1) / slices);
    }

    /// <summary>The next multiple.</summary>
    public static int RoundUp(int x, int to) => (x + to - 1) / to * to;

    private struct PackJob<S, V> : IJob
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        public GemmOperand B;
        public int N;
        public int K;
        public int PanelsEach;
        public float* Packed;

        public readonly void Run(int index, int thread)
        {
            int width = 2 * S.Width;
            int end = Math.Min((index + 1) * PanelsEach, Panels<S, V>(N));
            for (int panel = index * PanelsEach; panel < end; panel++)
            {
                Packing.Columns(B, panel * width, Math.Min(width, N - (panel * width)), 0, K, width,
                    Packed + ((long)panel * width * K));
            }
        }
    }
}
