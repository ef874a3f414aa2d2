using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

// Gradients: sources x, y = op(x), dy. Formulas: ScalarMath.Derivative.

/// <summary>dy where x is above 0.</summary>
internal struct ReluBackwardOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 3;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        S.WherePositive(a, c, S.Zero);
}

/// <summary>(Phi(x) + x phi(x)) dy.</summary>
internal struct GeluBackwardOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 3;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second)
    {
        V distribution = VectorMath.NormalDistribution<S, V>(a, out V bell);
        return S.Multiply(S.Fma(S.Multiply(a, S.Splat(0.3989422804f)), bell, distribution), c);
    }
}

/// <summary>s (1 + k x (1 - s)) dy with s = sigmoid(k x): SiLU for k = 1, quick GELU for 1.702.</summary>
internal struct SiluBackwardOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public float Slope;

    public static int Inputs => 3;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second)
    {
        V x = S.Multiply(a, S.Splat(Slope));
        V gate = VectorMath.Sigmoid<S, V>(x);
        V inner = S.Fma(x, S.Subtract(S.Splat(1f), gate), S.Splat(1f));
        return S.Multiply(S.Multiply(gate, inner), c);
    }
}

/// <summary>y (1 - y) dy.</summary>
internal struct SigmoidBackwardOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 3;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        S.Multiply(S.Multiply(b, S.Subtract(S.Splat(1f), b)), c);
}

/// <summary>(1 - y^2) dy.</summary>
internal struct TanhBackwardOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 3;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        S.Multiply(S.Subtract(S.Splat(1f), S.Multiply(b, b)), c);
}

/// <summary>y dy.</summary>
internal struct ExpBackwardOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 3;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        S.Multiply(b, c);
}

/// <summary>Sources gate, up, dy; results dGate and dUp.</summary>
internal struct SwiGluBackwardOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 3;

    public static int Outputs => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second)
    {
        V sigmoid = VectorMath.Sigmoid<S, V>(a);
        second = S.Multiply(S.Multiply(a, sigmoid), c);
        V slope = S.Multiply(sigmoid, S.Fma(a, S.Subtract(S.Splat(1f), sigmoid), S.Splat(1f)));
        return S.Multiply(S.Multiply(slope, b), c);
    }
}
