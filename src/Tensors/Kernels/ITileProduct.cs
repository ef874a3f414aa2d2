namespace PixSearch.Tensors;

/// <summary>
/// How a tile of rows is multiplied with a panel of one kind of weight, all of k at once
/// (<see cref="TileJob{S, V, P}"/>).
/// </summary>
internal unsafe interface ITileProduct
{
    /// <summary>
    /// Floats that a packed row of k numbers takes; a row may be packed in pieces of a multiple of 32.
    /// </summary>
    static abstract int RowFloats(int k);

    /// <summary>Bytes of a panel of k rows.</summary>
    static abstract long PanelBytes(int k);

    /// <summary>What packed numbers of a row are multiples of: its sums are multiplied with it.</summary>
    static abstract float RowScale(float* x, int k);

    /// <summary>Packs one row.</summary>
    static abstract void PackRow(float* x, int k, float scale, float* to);

    /// <summary>sums [height, 2 * Width] = a b, before rows are scaled.</summary>
    /// <param name="height">Rows: 1, 2, 4, 6, 8 or 12.</param>
    /// <param name="a">A tile of packed rows.</param>
    /// <param name="b">A panel.</param>
    /// <param name="k">Inner size.</param>
    /// <param name="sums">Receives the tile.</param>
    static abstract void Run(int height, float* a, byte* b, int k, float* sums);
}
