using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>"Vectors" of one float: the same kernels without any vector instruction.</summary>
internal readonly unsafe struct SimdScalar : ISimd<float>
{
    /// <inheritdoc/>
    public static int Width => 1;

    /// <inheritdoc/>
    public static int TileRows => 4;

    /// <inheritdoc/>
    public static float Zero => 0;

    /// <inheritdoc/>
    public static float Load(float* p) => *p;

    /// <inheritdoc/>
    public static float LoadLowHalves(uint* p) => BitConverter.UInt32BitsToSingle(*p << 16);

    /// <inheritdoc/>
    public static float LoadHighHalves(uint* p) => BitConverter.UInt32BitsToSingle(*p & 0xFFFF0000u);

    /// <inheritdoc/>
    public static float LoadPairs(sbyte* p) => BitConverter.Int32BitsToSingle((ushort)p[0] + (p[1] << 16));

    /// <inheritdoc/>
    public static float DotPairs(float sum, float x, float y)
    {
        (int a, int b) = (BitConverter.SingleToInt32Bits(x), BitConverter.SingleToInt32Bits(y));
        int dot = ((short)a * (short)b) + ((a >> 16) * (b >> 16));
        return BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(sum) + dot);
    }

    /// <inheritdoc/>
    public static float ToFloats(float integers) => BitConverter.SingleToInt32Bits(integers);

    /// <inheritdoc/>
    public static void Store(float* p, float x) => *p = x;

    /// <inheritdoc/>
    public static void Prefetch(float* p)
    {
    }

    /// <inheritdoc/>
    public static float Splat(float x) => x;

    /// <inheritdoc/>
    public static float Add(float a, float b) => a + b;

    /// <inheritdoc/>
    public static float Subtract(float a, float b) => a - b;

    /// <inheritdoc/>
    public static float Multiply(float a, float b) => a * b;

    /// <inheritdoc/>
    public static float Divide(float a, float b) => a / b;

    /// <inheritdoc/>
    public static float InverseSqrt(float x) => 1 / MathF.Sqrt(x);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Fma(float a, float b, float c) => (a * b) + c;

    /// <inheritdoc/>
    public static float Min(float a, float b) => a < b ? a : b;

    /// <inheritdoc/>
    public static float Max(float a, float b) => a > b ? a : b;

    /// <inheritdoc/>
    public static float Round(float x) => MathF.Round(x);

    /// <inheritdoc/>
    public static float Scale(float x, float n) => x * BitConverter.Int32BitsToSingle(((int)n + 127) << 23);

    /// <inheritdoc/>
    public static float WhereBelow(float x, float y, float a, float b) => x < y ? a : b;

    /// <inheritdoc/>
    public static float WherePositive(float x, float a, float b) => x > 0 ? a : b;

    /// <inheritdoc/>
    public static float Sum(float x) => x;

    /// <inheritdoc/>
    public static void StoreShorts(short* p, float a, float b) =>
        (p[0], p[1]) = ((short)MathF.Round(a), (short)MathF.Round(b));

    /// <inheritdoc/>
    public static void StoreSums(float* p, float a, float b, float c, float d) =>
        (p[0], p[1], p[2], p[3]) = (a, b, c, d);

    /// <inheritdoc/>
    public static float Largest(float x) => x;
}
