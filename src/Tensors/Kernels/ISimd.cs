namespace PixSearch.Tensors;

/// <summary>
/// One instruction set, as seen by a kernel: kernels are written once over a vector type <typeparamref name="V"/> of
/// <see cref="Width"/> floats, and the JIT compiles them for each implementation without virtual calls.
/// </summary>
internal unsafe interface ISimd<V>
    where V : unmanaged
{
    /// <summary>Floats in a vector.</summary>
    static abstract int Width { get; }

    /// <summary>Most rows of a matrix-product tile: 2 accumulators a row must fit into the registers.</summary>
    static abstract int TileRows { get; }

    /// <summary>All zeros.</summary>
    static abstract V Zero { get; }

    /// <summary>Width floats from memory, unaligned.</summary>
    static abstract V Load(float* p);

    /// <summary>The lower halves of Width words as the upper halves of floats: BF16 to F32.</summary>
    static abstract V LoadLowHalves(uint* p);

    /// <summary>The upper halves of Width words as the upper halves of floats: BF16 to F32.</summary>
    static abstract V LoadHighHalves(uint* p);

    /// <summary>Width pairs of signed bytes as lanes of two 16-bit integers each.</summary>
    static abstract V LoadPairs(sbyte* p);

    /// <summary>
    /// Lanes as 32-bit integers: sum + x0 y0 + x1 y1 for the two 16-bit integers of each lane of x and y.
    /// </summary>
    static abstract V DotPairs(V sum, V x, V y);

    /// <summary>Lanes as 32-bit integers to floats.</summary>
    static abstract V ToFloats(V integers);

    /// <summary>Width floats to memory, unaligned.</summary>
    static abstract void Store(float* p, V x);

    /// <summary>Asks for the line of 64 bytes at an address; may do nothing.</summary>
    static abstract void Prefetch(float* p);

    /// <summary>One number in all lanes.</summary>
    static abstract V Splat(float x);

    /// <summary>a + b.</summary>
    static abstract V Add(V a, V b);

    /// <summary>a - b.</summary>
    static abstract V Subtract(V a, V b);

    /// <summary>a * b.</summary>
    static abstract V Multiply(V a, V b);

    /// <summary>a / b.</summary>
    static abstract V Divide(V a, V b);

    /// <summary>1 / sqrt(x), fully precise.</summary>
    static abstract V InverseSqrt(V x);

    /// <summary>a * b + c with one rounding.</summary>
    static abstract V Fma(V a, V b, V c);

    /// <summary>The smaller of each lane; b where a is not a number.</summary>
    static abstract V Min(V a, V b);

    /// <summary>The larger of each lane; b where a is not a number.</summary>
    static abstract V Max(V a, V b);

    /// <summary>Nearest integer, ties to even.</summary>
    static abstract V Round(V x);

    /// <summary>x 2^n for whole n in [-126, 127].</summary>
    static abstract V Scale(V x, V n);

    /// <summary>Lane by lane: x below y ? a : b; b where either is not a number.</summary>
    static abstract V WhereBelow(V x, V y, V a, V b);

    /// <summary>Lane by lane: x above zero ? a : b.</summary>
    static abstract V WherePositive(V x, V a, V b);

    /// <summary>Sum of the lanes, in a fixed order.</summary>
    static abstract float Sum(V x);

    /// <summary>The nearest 16-bit integers of two vectors' lanes, ties to even, in a row in memory.</summary>
    static abstract void StoreShorts(short* p, V a, V b);

    /// <summary>The sums of four vectors' lanes, each in the same fixed order, one after the other in memory.</summary>
    static abstract void StoreSums(float* p, V a, V b, V c, V d);

    /// <summary>Largest lane.</summary>
    static abstract float Largest(V x);
}
