namespace PixSearch.Tensors;

public unsafe partial class ReferenceBackend
{
    /// <inheritdoc/>
    protected override void RotateCore(float* x, int tokens, int heads, int size, float* cos, float* sin, int tableRows,
        float* y)
    {
        int half = size / 2;
        for (int token = 0; token < tokens; token++)
        {
            float* c = cos + ((long)(token % tableRows) * size);
            float* s = sin + ((long)(token % tableRows) * size);
            for (int head = 0; head < heads; head++, x += size, y += size)
            {
                for (int i = 0; i < half; i++)
                {
                    // rotateHalf(x) = (-x[half..], x[..half]); both elements are read before either is written.
                    (float low, float high) = (x[i], x[i + half]);
                    y[i] = (low * c[i]) - (high * s[i]);
                    y[i + half] = (high * c[i + half]) + (low * s[i + half]);
                }
            }
        }
    }

    /// <inheritdoc/>
    private protected override void AttentionCore(in AttentionShape shape, float* q, float* k, float* v, float* y)
    {
        double[] weights = new double[shape.Keys];
        for (int b = 0; b < shape.Batch; b++)
        {
            for (int h = 0; h < shape.Heads; h++)
            {
                for (int i = 0; i < shape.Queries; i++)
                {
                    long at = shape.QueryAt(b, h, i);
                    AttentionWeights(shape, b, h, i, q + at, k, weights);
                    for (int e = 0; e < shape.Size; e++)
                    {
                        double sum = 0;
                        for (int j = 0; j < shape.Keys; j++)
                        {
                            sum += weights[j] == 0 ? 0 : weights[j] * v[shape.KeyAt(b, h, j) + e];
                        }

                        y[at + e] = (float)sum;
                    }
                }
            }
        }
    }

    /// <inheritdoc/>
    private protected override void AttentionBackwardCore(in AttentionShape shape, float* q, float* k, float* v,
        float* y, float* dy, in AttentionGradientPointers gradients)
    {
        double[] weights = new double[shape.Keys];
        for (int b = 0; b < shape.Batch; b++)
        {
            for (int h = 0; h < shape.Heads; h++)
            {
                for (int i = 0; i < shape.Queries; i++)
                {
                    long at = shape.QueryAt(b, h, i);
                    AttentionWeights(shape, b, h, i, q + at, k, weights);
                    AttentionBackwardRow(shape, b, h, i, q + at, k, v, y + at, dy + at, weights, gradients);
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void PagedAttentionCore(float* q, int heads, float* keys, float* values, KvStore store,
        PagedBatch batch, float scale, float* y)
    {
        int size = store.HeadSize;
        int group = heads / store.Heads;
        foreach (PagedSequence sequence in batch.Sequences)
        {
            int end = sequence.Start + sequence.RowCount;
            double[] weights = new double[end];
            float[] ownKeys = Gathered(keys, sequence, store);
            float[] ownValues = Gathered(values, sequence, store);
            for (int i = 0; i < sequence.RowCount; i++)
            {
                int position = sequence.Start + i;
                bool full = position >= sequence.FullStart && position < sequence.FullEnd;
                int visible = Math.Min(full ? sequence.FullEnd : position + 1, end);
                for (int h = 0; h < heads; h++)
                {
                    long at = (((long)(sequence.RowStart + i) * heads) + h) * size;
                    for (int j = 0; j < visible; j++)
                    {
                        fixed (float* key = &ownKeys[((j * store.Heads) + (h / group)) * size])
                        {
                            weights[j] = Dot(q + at, key, size) * scale;
                        }
                    }

                    NormaliseWeights(weights.AsSpan(0, visible));
                    for (int e = 0; e < size; e++)
                    {
                        double sum = 0;
                        for (int j = 0; j < visible; j++)
                        {
                            sum += weights[j] * ownValues[(((j * store.Heads) + (h / group)) * size) + e];
                        }

                        y[at + e] = (float)sum;
                    }
                }
            }
        }
    }

    // Keys or values of a sequence. Shape: [positions, heads, size].
    private static float[] Gathered(float* pages, PagedSequence sequence, KvStore store)
    {
        float[] gathered = new float[(sequence.Start + sequence.RowCount) * store.Heads * store.HeadSize];
        fixed (float* to = gathered)
        {
            KvCell.Gather(store, pages, sequence, to);
        }

        return gathered;
    }

    // The gradient of one query: with p = softmax(s) and g = dy v^T, ds = p (g - dy y).
    private static void AttentionBackwardRow(in AttentionShape shape, int b, int h, int i, float* q, float* k, float* v,
        float* y, float* dy, double[] weights, in AttentionGradientPointers gradients)
    {
        double dot = Dot(dy, y, shape.Size);
        long at = shape.QueryAt(b, h, i);
        long biasRow = shape.BiasRow(b, h, i);
        for (int j = 0; j < shape.Keys; j++)
        {
            if (weights[j] == 0)
            {
                continue;
            }

            long key = shape.KeyAt(b, h, j);
            double ds = weights[j] * (Dot(dy, v + key, shape.Size) - dot);
            for (int e = 0; e < shape.Size; e++)
            {
                gradients.V[key + e] += (float)(weights[j] * dy[e]);
                gradients.Q[at + e] += (float)(ds * shape.Scale * k[key + e]);
                gradients.K[key + e] += (float)(ds * shape.Scale * q[e]);
            }

            if (gradients.BiasRows is not null)
            {
                gradients.BiasRows[(biasRow * shape.GridHeight) + (j / shape.GridWidth)] += (float)ds;
                gradients.BiasColumns[(biasRow * shape.GridWidth) + (j % shape.GridWidth)] += (float)ds;
            }
        }
    }

    // softmax of one query's scores; hidden keys get weight 0.
    private static void AttentionWeights(in AttentionShape shape, int b, int h, int i, float* q, float* k,
        double[] weights)
    {
        int visible = shape.KeysVisible(i);
        long biasRow = shape.BiasRow(b, h, i);
        for (int j = 0; j < shape.Keys; j++)
        {
            if (j >= visible || (shape.KeyValid is not null && shape.KeyValid[((long)b * shape.Keys) + j] == 0))
            {
                weights[j] = double.NegativeInfinity;
                continue;
            }

            weights[j] = Dot(q, k + shape.KeyAt(b, h, j), shape.Size) * shape.Scale;
            if (shape.BiasRows is not null)
            {
                weights[j] += shape.BiasRows[(biasRow * shape.GridHeight) + (j / shape.GridWidth)]
                    + shape.BiasColumns[(biasRow * shape.GridWidth) + (j % shape.GridWidth)];
            }
        }

        NormaliseWeights(weights);
    }

    private static void NormaliseWeights(Span<double> weights)
    {
        double largest = double.NegativeInfinity;
        foreach (double weight in weights)
        {
            largest = Math.Max(largest, weight);
        }

        if (double.IsNegativeInfinity(largest))
        {
            // No visible key at all: zeros.
            weights.Clear();
            return;
        }

        double sum = 0;
        foreach (ref double weight in weights)
        {
            weight = Math.Exp(weight - largest);
            sum += weight;
        }

        foreach (ref double weight in weights)
        {
            weight /= sum;
        }
    }

    private static double Dot(float* a, float* b, int count)
    {
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            sum += (double)a[i] * b[i];
        }

        return sum;
    }
}
