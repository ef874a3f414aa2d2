using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>Exponential and what is built on it, for any vector width. Twins: <see cref="ScalarMath"/>.</summary>
internal static class VectorMath
{
    // Below this e^x is under the smallest normal number; results are flushed to zero, since denormals cost hundreds of
    // cycles.
    private const float ExpMin = -87.33f;

    // Above this 2^n would need n = 128.
    private const float ExpMax = 88.37f;

    /// <summary>
    /// e^x to 2 units in the last place for x in [-87.33, 88.37]; 0 below, e^88.37 above; not-a-number stays so.
    /// </summary>
    /// <remarks>
    /// x = n ln 2 + r with |r| at most ln 2 / 2 (ln 2 in two parts, so that n ln 2 is exact), e^r by Cephes' polynomial
    /// of degree 7, and 2^n through the exponent bits. The operand order of Min and Max matters: they return the second
    /// one for not-a-number.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<S, V>(V x)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        V clamped = S.Min(S.Splat(ExpMax), S.Max(S.Splat(ExpMin), x));
        V n = S.Round(S.Multiply(clamped, S.Splat(1.44269504088896341f)));
        V r = S.Fma(n, S.Splat(-0.693359375f), clamped);
        r = S.Fma(n, S.Splat(2.12194440e-4f), r);
        V p = S.Splat(1.9875691500e-4f);
        p = S.Fma(p, r, S.Splat(1.3981999507e-3f));
        p = S.Fma(p, r, S.Splat(8.3334519073e-3f));
        p = S.Fma(p, r, S.Splat(4.1665795894e-2f));
        p = S.Fma(p, r, S.Splat(1.6666665459e-1f));
        p = S.Fma(p, r, S.Splat(5.0000001201e-1f));
        p = S.Fma(p, S.Multiply(r, r), S.Add(r, S.Splat(1f)));
        return S.WhereBelow(x, S.Splat(ExpMin), S.Zero, S.Scale(p, n));
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sigmoid<S, V>(V x)
        where S : struct, ISimd<V>
        where V : unmanaged =>
        S.Divide(S.Splat(1f), S.Add(S.Splat(1f), Exp<S, V>(S.Subtract(S.Zero, x))));

    /// <summary>tanh x = 2 sigmoid(2x) - 1; absolute error 1e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Tanh<S, V>(V x)
        where S : struct, ISimd<V>
        where V : unmanaged => S.Fma(Sigmoid<S, V>(S.Add(x, x)), S.Splat(2f), S.Splat(-1f));

    /// <summary>
    /// Phi(x) of the normal distribution, absolute error 1e-7, and e^(-x^2 / 2), by Abramowitz and Stegun 7.1.26:
    /// erfc(z) = (a1 t + .. + a5 t^5) e^(-z^2) with t = 1 / (1 + p z), z = |x| / sqrt 2.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V NormalDistribution<S, V>(V x, out V bell)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        V magnitude = S.Max(x, S.Subtract(S.Zero, x));
        V t = S.Divide(S.Splat(1f), S.Fma(magnitude, S.Splat(0.3275911f * 0.70710678f), S.Splat(1f)));
        bell = Exp<S, V>(S.Multiply(S.Multiply(x, x), S.Splat(-0.5f)));
        V p = S.Splat(1.061405429f);
        p = S.Fma(p, t, S.Splat(-1.453152027f));
        p = S.Fma(p, t, S.Splat(1.421413741f));
        p = S.Fma(p, t, S.Splat(-0.284496736f));
        p = S.Fma(p, t, S.Splat(0.254829592f));
        V tail = S.Multiply(S.Multiply(S.Multiply(p, t), bell), S.Splat(0.5f));
        return S.WherePositive(x, S.Subtract(S.Splat(1f), tail), tail);
    }
}
