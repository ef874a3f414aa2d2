namespace PixSearch.Tensors;

/// <summary>
/// Products with Q8 weights in integers. An element is the sum over blocks of 32, in order, of an exact integer sum
/// times the weights' scale, and that times the row's.
/// </summary>
internal readonly unsafe struct QuantisedProduct<S, V> : ITileProduct
    where S : struct, ISimd<V>
    where V : unmanaged
{
    /// <inheritdoc/>
    public static int RowFloats(int k) => QuantisedRows<S, V>.Floats(k);

    /// <inheritdoc/>
    public static long PanelBytes(int k) => QuantisedPanels<S, V>.PanelBytes(k);

    /// <inheritdoc/>
    public static float RowScale(float* x, int k) => QuantisedRows<S, V>.Scale(x, k);

    /// <inheritdoc/>
    public static void PackRow(float* x, int k, float scale, float* to) =>
        QuantisedRows<S, V>.Pack(x, k, scale, to);

    /// <inheritdoc/>
    public static void Run(int height, float* a, byte* b, int k, float* sums) =>
        QuantisedKernel.Run<S, V>(height, a, b, QuantisedPanels<S, V>.Blocks(k), sums);
}

/// <summary>The same numbers by <see cref="DotCode"/>.</summary>
internal readonly unsafe struct QuantisedDots<S, V> : ITileProduct
    where S : struct, ISimd<V>
    where V : unmanaged
{
    /// <inheritdoc/>
    public static int RowFloats(int k) => QuantisedRows<S, V>.Floats(k);

    /// <inheritdoc/>
    public static long PanelBytes(int k) => QuantisedPanels<S, V>.PanelBytes(k);

    /// <inheritdoc/>
    public static float RowScale(float* x, int k) => QuantisedRows<S, V>.Scale(x, k);

    /// <inheritdoc/>
    public static void PackRow(float* x, int k, float scale, float* to) =>
        QuantisedRows<S, V>.Pack(x, k, scale, to);

    /// <inheritdoc/>
    public static void Run(int height, float* a, byte* b, int k, float* sums)
    {
        if (k == 0)
        {
            new Span<float>(sums, height * 2 * S.Width).Clear();
            return;
        }

        DotCode.Instance!.Q8(height)(a, b, QuantisedPanels<S, V>.Blocks(k), sums);
    }
}
