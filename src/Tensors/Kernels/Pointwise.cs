using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>A function of one to three vectors with one or two results, element by element.</summary>
internal interface IPointwise<V>
    where V : unmanaged
{
    /// <summary>Sources read: 1 to 3; the others are zeros.</summary>
    static abstract int Inputs { get; }

    /// <summary>Results written: 1 or 2.</summary>
    static abstract int Outputs { get; }

    /// <summary>The function.</summary>
    V Apply(V a, V b, V c, ref V second);
}

/// <summary>
/// The loop around an <see cref="IPointwise{V}"/>: vectors, remainder, threads. The operation's struct is known to the
/// JIT, which inlines it; sources may be the destination itself (same start), since an element is read before it is
/// written.
/// </summary>
internal static unsafe class Pointwise
{
    // 16 K floats are 64 KB: some 2 us of work, five times the cost of a fork.
    private const int TaskElements = 16384;

    /// <summary>Applies to <paramref name="count"/> elements; unused pointers are null.</summary>
    public static void Run<S, V, TOp>(WorkerPool pool, TOp op, float* a, float* b, float* c, int count, float* y,
        float* z)
        where S : struct, ISimd<V>
        where V : unmanaged
        where TOp : unmanaged, IPointwise<V>
    {
        if (count <= 2 * TaskElements)
        {
            Range<S, V, TOp>(op, a, b, c, count, y, z);
            return;
        }

        var job = new Job<S, V, TOp> { Op = op, A = a, B = b, C = c, Count = count, Y = y, Z = z };
        pool.Run(job, (int)(((long)count + TaskElements - 1) / TaskElements));
    }

    /// <summary>The same on the calling thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Range<S, V, TOp>(TOp op, float* a, float* b, float* c, int count, float* y, float* z)
        where S : struct, ISimd<V>
        where V : unmanaged
        where TOp : unmanaged, IPointwise<V>
    {
        int i = 0;
        for (; i + S.Width <= count; i += S.Width)
        {
            V second = S.Zero;
            V vb = TOp.Inputs > 1 ? S.Load(b + i) : S.Zero;
            V vc = TOp.Inputs > 2 ? S.Load(c + i) : S.Zero;
            S.Store(y + i, op.Apply(S.Load(a + i), vb, vc, ref second));
            if (TOp.Outputs > 1)
            {
                S.Store(z + i, second);
            }
        }

        if (i < count)
        {
            Rest<S, V, TOp>(op, a + i, b + i, c + i, count - i, y + i, z + i);
        }
    }

    // Less than a vector: through buffers padded with zeros.
    private static void Rest<S, V, TOp>(TOp op, float* a, float* b, float* c, int count, float* y, float* z)
        where S : struct, ISimd<V>
        where V : unmanaged
        where TOp : unmanaged, IPointwise<V>
    {
        float* buffer = stackalloc float[3 * S.Width];
        new Span<float>(buffer, 3 * S.Width).Clear();
        for (int i = 0; i < count; i++)
        {
            buffer[i] = a[i];
            buffer[S.Width + i] = TOp.Inputs > 1 ? b[i] : 0;
            buffer[(2 * S.Width) + i] = TOp.Inputs > 2 ? c[i] : 0;
        }

        V second = S.Zero;
        V first = op.Apply(S.Load(buffer), S.Load(buffer + S.Width), S.Load(buffer + (2 * S.Width)), ref second);
        S.Store(buffer, first);
        S.Store(buffer + S.Width, second);
        for (int i = 0; i < count; i++)
        {
            y[i] = buffer[i];
            if (TOp.Outputs > 1)
            {
                z[i] = buffer[S.Width + i];
            }
        }
    }

    private struct Job<S, V, TOp> : IJob
        where S : struct, ISimd<V>
        where V : unmanaged
        where TOp : unmanaged, IPointwise<V>
    {
        public TOp Op;
        public float* A;
        public float* B;
        public float* C;
        public int Count;
        public float* Y;
        public float* Z;

        public readonly void Run(int index, int thread)
        {
            int start = index * TaskElements;
            Range<S, V, TOp>(Op, A + start, B + start, C + start, Math.Min(TaskElements, Count - start), Y + start,
                Z + start);
        }
    }
}
