using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>Rotary embedding of some tokens: all heads of a token share its row of the tables.</summary>
internal unsafe struct RotateJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public float* X;
    public float* Cos;
    public float* Sin;
    public float* Y;
    public int Tokens;
    public int TokensEach;
    public int TableRows;
    public int Heads;
    public int Size;

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        int end = Math.Min((index + 1) * TokensEach, Tokens);
        for (int token = index * TokensEach; token < end; token++)
        {
            long table = (long)(token % TableRows) * Size;
            long at = (long)token * Heads * Size;
            Token(X + at, Cos + table, Sin + table, Y + at);
        }
    }

    // The tables' vectors are read once for all heads.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Token(float* x, float* cos, float* sin, float* y)
    {
        int half = Size / 2;
        long end = (long)Heads * Size;
        int i = 0;
        for (; i + S.Width <= half; i += S.Width)
        {
            V lowCos = S.Load(cos + i), highCos = S.Load(cos + half + i);
            V lowSin = S.Subtract(S.Zero, S.Load(sin + i)), highSin = S.Load(sin + half + i);
            for (long at = i; at < end; at += Size)
            {
                V low = S.Load(x + at);
                V high = S.Load(x + at + half);
                S.Store(y + at, S.Fma(low, lowCos, S.Multiply(high, lowSin)));
                S.Store(y + at + half, S.Fma(high, highCos, S.Multiply(low, highSin)));
            }
        }

        for (; i < half; i++)
        {
            for (long at = i; at < end; at += Size)
            {
                (float low, float high) = (x[at], x[at + half]);
                y[at] = (low * cos[i]) - (high * sin[i]);
                y[at + half] = (high * cos[half + i]) + (low * sin[half + i]);
            }
        }
    }
}
