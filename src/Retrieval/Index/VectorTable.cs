using System.Numerics.Tensors;

namespace PixSearch.Retrieval;

/// <summary>One neighbour: position in the table and cosine.</summary>
public readonly record struct Neighbour(int Row, float Score);

/// <summary>
/// Unit vectors in memory with exact search: the dot product with every row. 100,000 rows of 128 take 12.8 million
/// multiply-adds, a few milliseconds on one core; an approximate index would give up recall for nothing at this size.
/// </summary>
public sealed class VectorTable
{
    /// <summary>Below this many multiply-adds one thread is faster than waking others.</summary>
    private const long SerialWorkMax = 16_000_000;

    private readonly float[] _vectors;

    // Document row of each vector; 0 where the document is gone. Null: every vector counts.
    private readonly int[]? _rows;

    /// <summary>A table over these rows, which it takes over.</summary>
    /// <param name="vectors">Shape: [rows, dimension], row-major.</param>
    /// <param name="dimension">Length of a row, at least 1.</param>
    public VectorTable(float[] vectors, int dimension)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dimension);
        if (vectors.Length % dimension != 0)
        {
            throw new ArgumentException($"{vectors.Length} values are not rows of {dimension}.", nameof(vectors));
        }

        (_vectors, Dimension, Count) = (vectors, dimension, vectors.Length / dimension);
    }

    /// <summary>A table over the first vectors of an array that may be longer.</summary>
    internal VectorTable(float[] vectors, int dimension, int count, int[] rows) =>
        (_vectors, Dimension, Count, _rows) = (vectors, dimension, count, rows);

    /// <summary>Length of a row.</summary>
    public int Dimension { get; }

    /// <summary>Number of rows.</summary>
    public int Count { get; }

    /// <summary>The document row of a vector; 0 when the document is gone.</summary>
    internal int DocumentOf(int row) => _rows is null ? row + 1 : Volatile.Read(ref _rows[row]);

    /// <summary>One row.</summary>
    public ReadOnlySpan<float> Row(int row) => _vectors.AsSpan(row * Dimension, Dimension);

    /// <summary>
    /// The rows nearest to a unit vector, best first; equal scores in the order of rows, so that answers do not depend
    /// on threads.
    /// </summary>
    /// <param name="query">Shape: [dimension].</param>
    /// <param name="count">Most neighbours.</param>
    /// <param name="cancellation">Checked every few thousand rows.</param>
    public IReadOnlyList<Neighbour> Search(ReadOnlySpan<float> query, int count,
        CancellationToken cancellation = default)
    {
        Check(query, count);
        if ((long)Count * Dimension <= SerialWorkMax)
        {
            var heap = new NeighbourHeap(count);
            Scan(query, 0, Count, heap, cancellation);
            return heap.Sorted();
        }

        float[] shared = query.ToArray();
        int parts = Math.Max(1, Environment.ProcessorCount);
        var heaps = new NeighbourHeap[parts];
        Parallel.For(0, parts, part =>
        {
            heaps[part] = new NeighbourHeap(count);
            Scan(shared, (int)((long)Count * part / parts), (int)((long)Count * (part + 1) / parts), heaps[part],
                cancellation);
        });
        var merged = new NeighbourHeap(count);
        foreach (NeighbourHeap heap in heaps)
        {
            merged.AddAll(heap);
        }

        return merged.Sorted();
    }

    /// <summary>The readable twin of <see cref="Search"/>: all scores, sorted.</summary>
    internal IReadOnlyList<Neighbour> SearchReference(ReadOnlySpan<float> query, int count)
    {
        Check(query, count);
        var all = new Neighbour[Count];
        for (int row = 0; row < Count; row++)
        {
            double sum = 0;
            for (int i = 0; i < Dimension; i++)
            {
                sum += (double)_vectors[(row * Dimension) + i] * query[i];
            }

            all[row] = new Neighbour(row, (float)sum);
        }

        return [.. all.OrderByDescending(one => one.Score).ThenBy(one => one.Row).Take(count)];
    }

    private void Scan(ReadOnlySpan<float> query, int first, int end, NeighbourHeap heap, CancellationToken cancellation)
    {
        for (int row = first; row < end; row++)
        {
            if ((row & 0xFFF) == 0)
            {
                cancellation.ThrowIfCancellationRequested();
            }

            if (_rows is null || _rows[row] != 0)
            {
                heap.Add(new Neighbour(row, TensorPrimitives.Dot(Row(row), query)));
            }
        }
    }

    private void Check(ReadOnlySpan<float> query, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        if (query.Length != Dimension)
        {
            throw new ArgumentException($"A query of {query.Length} values cannot search vectors of {Dimension}.",
                nameof(query));
        }
    }
}
