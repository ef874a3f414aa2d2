namespace PixSearch.Tensors;

/// <summary>The part that attention's forward and backward share: the exponentials of a panel's scores.</summary>
internal unsafe struct AttentionScores<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public AttentionShape Shape;

    /// <summary>Shape: [tiles][size][height].</summary>
    public float* PackedKeys;

    /// <summary>Queries times the scale. Shape: [size][2 * Width].</summary>
    public float* Queries;

    /// <summary>Shape: [keys rounded up to tiles][2 * Width].</summary>
    public float* Scores;

    /// <summary>1 / sum of each lane. Shape: [2 * Width].</summary>
    public float* Inverses;

    /// <summary>Keys visible to each lane. Shape: [2 * Width].</summary>
    public float* Limits;

    /// <summary>Transposed biases. Shapes: [gridHeight][2 * Width], then [gridWidth][2 * Width].</summary>
    public float* Bias;

    /// <summary>Floats that <see cref="Place"/> needs.</summary>
    public static long ScratchCount(in AttentionShape shape)
    {
        int width = 2 * S.Width;
        long tiles = AttentionPanel.Tiles<S, V>(shape.Keys);
        return (tiles * shape.Size) + (tiles * width)
            + ((shape.Size + 2L + shape.GridHeight + shape.GridWidth) * width);
    }

    /// <summary>Lays the buffers out from <paramref name="at"/>; returns what follows them.</summary>
    public float* Place(in AttentionShape shape, float* at)
    {
        int width = 2 * S.Width;
        int tiles = AttentionPanel.Tiles<S, V>(shape.Keys);
        Shape = shape;
        PackedKeys = at;
        Scores = PackedKeys + ((long)tiles * shape.Size);
        Queries = Scores + ((long)tiles * width);
        Inverses = Queries + ((long)shape.Size * width);
        Limits = Inverses + width;
        Bias = Limits + width;
        return Bias + ((long)(shape.GridHeight + shape.GridWidth) * width);
    }

    /// <summary>
    /// Computes <see cref="Scores"/> and <see cref="Inverses"/> of queries [first, first + count); returns the number
    /// of keys that any of them sees.
    /// </summary>
    public readonly int Run(float* q, int batch, int head, int first, int count)
    {
        int width = 2 * S.Width;
        int limitMin = Shape.Keys;
        int limitMax = 0;
        for (int lane = 0; lane < width; lane++)
        {
            int limit = Shape.KeysVisible(first + Math.Min(lane, count - 1));
            Limits[lane] = limit;
            limitMin = Math.Min(limitMin, limit);
            limitMax = Math.Max(limitMax, limit);
        }

        AttentionPanel.PackQueries<S, V>(q + Shape.QueryAt(batch, head, first), Shape.QueryStride, count, Shape.Size,
            Shape.Scale,
            Queries);
        AttentionPanel.Product<S, V>(PackedKeys, limitMax, Shape.Keys, Shape.Size, Queries, Shape.Size, Scores);
        if (Shape.BiasRows is not null)
        {
            AddBias(batch, head, first, count);
        }

        float* valid = Shape.KeyValid is null ? null : Shape.KeyValid + ((long)batch * Shape.Keys);
        AttentionPanel.Hide<S, V>(Scores, limitMax, Limits, limitMin, valid);
        AttentionPanel.Exponentials<S, V>(Scores, limitMax, Inverses);
        return limitMax;
    }

    private readonly void AddBias(int batch, int head, int first, int count)
    {
        int width = 2 * S.Width;
        long row = Shape.BiasRow(batch, head, first);
        float* columns = Bias + ((long)Shape.GridHeight * width);
        AttentionPanel.PackQueries<S, V>(Shape.BiasRows + (row * Shape.GridHeight), Shape.GridHeight, count,
            Shape.GridHeight, 1, Bias);
        AttentionPanel.PackQueries<S, V>(Shape.BiasColumns + (row * Shape.GridWidth), Shape.GridWidth, count,
            Shape.GridWidth, 1,
            columns);
        AttentionPanel.AddBias<S, V>(Scores, Bias, Shape.GridHeight, columns, Shape.GridWidth);
    }
}
