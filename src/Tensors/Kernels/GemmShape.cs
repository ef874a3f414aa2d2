namespace PixSearch.Tensors;

/// <summary>Sizes of a matrix product: c [M, N] = a [M, K] b [K, N].</summary>
internal readonly record struct GemmShape(int M, int N, int K);

/// <summary>
/// One side of a matrix product, row-major with rows <see cref="Stride"/> elements apart. Transposed: memory holds [K,
/// M] for the left side, [N, K] for the right one.
/// </summary>
internal readonly unsafe struct GemmOperand(float* pointer, int stride, bool transposed)
{
    /// <summary>First element.</summary>
    public float* Pointer { get; } = pointer;

    /// <summary>Elements from one row of memory to the next.</summary>
    public int Stride { get; } = stride;

    /// <summary>Whether memory holds the transpose.</summary>
    public bool Transposed { get; } = transposed;

    /// <summary>The same layout some elements further on.</summary>
    public GemmOperand Plus(long elements) => new(Pointer + elements, Stride, Transposed);
}
