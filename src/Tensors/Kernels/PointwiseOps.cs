using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

// Functions of one argument. Formulas: ScalarMath.Apply.

/// <summary>max(x, 0).</summary>
internal struct ReluOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 1;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        S.Max(S.Zero, a);
}

/// <summary>x Phi(x).</summary>
internal struct GeluOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 1;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        S.Multiply(a, VectorMath.NormalDistribution<S, V>(a, out _));
}

/// <summary>x sigmoid(1.702 x).</summary>
internal struct QuickGeluOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 1;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        S.Multiply(a, VectorMath.Sigmoid<S, V>(S.Multiply(a, S.Splat((float)ScalarMath.QuickGeluSlope))));
}

/// <summary>x sigmoid(x).</summary>
internal struct SiluOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 1;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        S.Multiply(a, VectorMath.Sigmoid<S, V>(a));
}

/// <summary>sigmoid(x).</summary>
internal struct SigmoidOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 1;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        VectorMath.Sigmoid<S, V>(a);
}

/// <summary>tanh x.</summary>
internal struct TanhOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 1;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        VectorMath.Tanh<S, V>(a);
}

/// <summary>e^x as the square of e^(x/2), so that it overflows to infinity where it should.</summary>
internal struct ExpOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 1;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second)
    {
        V root = VectorMath.Exp<S, V>(S.Multiply(a, S.Splat(0.5f)));
        return S.Multiply(root, root);
    }
}

/// <summary>scale * x + shift.</summary>
internal struct AffineOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public float Scale;
    public float Shift;

    public static int Inputs => 1;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        S.Fma(a, S.Splat(Scale), S.Splat(Shift));
}

/// <summary>a + b.</summary>
internal struct AddOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 2;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        S.Add(a, b);
}

/// <summary>a - b.</summary>
internal struct SubtractOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 2;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        S.Subtract(a, b);
}

/// <summary>a * b.</summary>
internal struct MultiplyOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 2;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        S.Multiply(a, b);
}

/// <summary>silu(gate) * up; sources gate, up.</summary>
internal struct SwiGluOp<S, V> : IPointwise<V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Inputs => 2;

    public static int Outputs => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly V Apply(V a, V b, V c, ref V second) =>
        S.Multiply(S.Multiply(a, VectorMath.Sigmoid<S, V>(a)), b);
}
