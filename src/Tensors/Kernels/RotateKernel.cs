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
            for (int head = 0; head < Heads; head++)
            {
                Head(X + at + (head * Size), Cos + table, Sin + table, Size / 2, Y + at + (head * Size));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Head(float* x, float* cos, float* sin, int half, float* y)
    {
        int i = 0;
        for (; i + S.Width <= half; i += S.Width)
        {
            V low = S.Load(x + i);
            V high = S.Load(x + half + i);
            V lowSin = S.Multiply(low, S.Load(sin + half + i));
            V highSin = S.Multiply(high, S.Subtract(S.Zero, S.Load(sin + i)));
            S.Store(y + i, S.Fma(low, S.Load(cos + i), highSin));
            S.Store(y + half + i, S.Fma(high, S.Load(cos + half + i), lowSin));
        }

        for (; i < half; i++)
        {
            (float low, float high) = (x[i], x[half + i]);
            y[i] = (low * cos[i]) - (high * sin[i]);
            y[half + i] = (high * cos[half + i]) + (low * sin[half + i]);
        }
    }
}
