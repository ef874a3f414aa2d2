using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>One task of a matrix product: some rows by some panels of c, all of k.</summary>
internal unsafe struct GemmJob<S, V, L> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
    where L : struct, IPanels<S, V>
{
    public GemmShape Shape;
    public GemmOperand A;

    /// <summary>Right side in panels of kind L.</summary>
    public byte* Panels;

    /// <summary>Shape: [N]; null for none.</summary>
    public float* Bias;

    public float* C;
    public int Ldc;
    public bool Accumulate;
    public int Slice;
    public int RowsEach;
    public int PanelsEach;
    public int ColumnTasks;

    /// <summary>
    /// Whether a panel is read from end to end before the next one: the order of memory, for products of so few rows
    /// that reading the right side is the work. Else a slice of k goes over all panels, and the packed rows stay in
    /// the cache.
    /// </summary>
    public bool Streams;

    /// <summary>Whether <see cref="Scratch"/> holds the packed left side, else it is room for each thread's.</summary>
    public bool Shares;

    /// <summary>Shape: [threads][ScratchEach], or <see cref="LeftSide{S, V}"/>.</summary>
    public float* Scratch;

    public int ScratchEach;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run(int index, int thread)
    {
        int row = index / ColumnTasks * RowsEach;
        int rows = Math.Min(RowsEach, Shape.M - row);
        int panel = index % ColumnTasks * PanelsEach;
        int panelEnd = Math.Min(panel + PanelsEach, Gemm.Panels<S, V>(Shape.N));
        float* packed = Scratch + ((long)thread * ScratchEach);
        if (Shape.K == 0 && !Accumulate)
        {
            Fill(row, rows, panel, panelEnd);
        }

        if (Streams)
        {
            for (int k0 = 0; k0 < Shape.K && !Shares; k0 += Slice)
            {
                PackRows(row, rows, k0, Math.Min(Slice, Shape.K - k0), packed + ((long)RowsEach * k0));
            }

            int together = rows <= SkinnyKernel.RowsMax ? SkinnyKernel.Panels(rows) : 1;
            for (int p = panel; p < panelEnd;)
            {
                bool skinny = together > 1 && p + together <= Math.Min(panelEnd, Shape.N / (2 * S.Width));
                for (int k0 = 0; k0 < Shape.K; k0 += Slice)
                {
                    int k = Math.Min(Slice, Shape.K - k0);
                    float* left = Shares ? Shared(row, k0, k) : packed + ((long)RowsEach * k0);
                    if (skinny)
                    {
                        Skinny(row, rows, p, k0, k, left);
                    }
                    else
                    {
                        Panel(row, rows, p, k0, k, left);
                    }
                }

                p += skinny ? together : 1;
            }

            return;
        }

        for (int k0 = 0; k0 < Shape.K; k0 += Slice)
        {
            int k = Math.Min(Slice, Shape.K - k0);
            float* left = Shares ? Shared(row, k0, k) : packed;
            if (!Shares)
            {
                PackRows(row, rows, k0, k, left);
            }

            for (int p = panel; p < panelEnd; p++)
            {
                Panel(row, rows, p, k0, k, left);
            }
        }
    }

    private readonly float* Shared(int row, int k0, int k) =>
        LeftSide<S, V>.At(Scratch, Shape.M, k0) + ((long)row * k);

    // Nothing to multiply: c is the bias, or zeros.
    private readonly void Fill(int row, int rows, int panel, int panelEnd)
    {
        int column = panel * 2 * S.Width;
        int count = Math.Min(panelEnd * 2 * S.Width, Shape.N) - column;
        for (int i = 0; i < rows; i++)
        {
            var to = new Span<float>(C + ((long)(row + i) * Ldc) + column, count);
            if (Bias is null)
            {
                to.Clear();
            }
            else
            {
                new ReadOnlySpan<float>(Bias + column, count).CopyTo(to);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void PackRows(int row, int rows, int k0, int k, float* packed)
    {
        int i = 0;
        if (A.Transposed)
        {
            i = rows / S.TileRows * S.TileRows;
            Packing.TransposedRows<S, V>(A, row, i, k0, k, packed);
        }

        for (; i < rows; i += S.TileRows)
        {
            int count = Math.Min(S.TileRows, rows - i);
            Packing.Rows(A, row + i, count, k0, k, MicroKernel.HeightFor(count), packed + ((long)i * k));
        }
    }

    // One or two rows by several panels, all columns of which are there.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Skinny(int row, int rows, int panel, int k0, int k, float* packed)
    {
        int column = panel * 2 * S.Width;
        bool adds = Accumulate || k0 > 0;
        float* c = C + ((long)row * Ldc) + column;
        float* bias = Bias is null ? null : Bias + column;
        long panelBytes = (long)Shape.K * L.RowBytes;
        SkinnyKernel.Run<S, V, L>(rows, packed, Panels + (panel * panelBytes) + ((long)k0 * L.RowBytes), panelBytes, k,
            c, Ldc, adds ? c : bias, adds ? Ldc : 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Panel(int row, int rows, int panel, int k0, int k, float* packed)
    {
        int width = 2 * S.Width;
        int column = panel * width;
        int columns = Math.Min(width, Shape.N - column);
        bool adds = Accumulate || k0 > 0;
        float* bias = adds || Bias is null ? null : Bias + column;
        int startStride = adds ? Ldc : 0;
        long panelBytes = (long)Shape.K * L.RowBytes;
        byte* b = Panels + (panel * panelBytes) + ((long)k0 * L.RowBytes);

        // A few rows read on through the panel, as fast as memory gives it: nothing can be asked for by the way, unless
        // there are tiles enough that the later ones would leave the memory idle.
        byte* next = !Streams ? b + panelBytes : rows > 2 * S.TileRows ? b + ((long)k * L.RowBytes) : null;
        float* c = C + ((long)row * Ldc) + column;
        PanelProduct<S, V, L>.Run(packed, rows, b, k, c, Ldc, columns, adds ? c : bias, startStride, next);
    }
}
