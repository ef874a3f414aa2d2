namespace PixSearch.Retrieval;

/// <summary>
/// The vectors of an index in memory, with the document row of each. Written by one thread at a time, searched by any
/// number: a search works on the table that it found, and a vector that was added later lies beyond that table's end.
/// </summary>
internal sealed class LiveVectors
{
    private readonly Dictionary<int, int> _positions = [];
    private float[] _vectors = [];
    private int[] _rows = [];
    private int _pending;
    private int _dimension;
    private volatile VectorTable? _table;

    /// <summary>What is searched now; null while there is no vector.</summary>
    public VectorTable? Table => _table;

    /// <summary>Sets the length of a vector; only while there is none.</summary>
    public void Use(int dimension)
    {
        if (_positions.Count > 0 && dimension != _dimension)
        {
            throw new InvalidOperationException($"The table holds vectors of {_dimension}, not of {dimension}.");
        }

        _dimension = dimension;
    }

    /// <summary>Makes room for this many vectors in all.</summary>
    public void Reserve(int count)
    {
        if (count <= _rows.Length)
        {
            return;
        }

        // Searches under way keep the old arrays.
        Array.Resize(ref _rows, count);
        Array.Resize(ref _vectors, checked(count * _dimension));
        _table = _table is { } table ? new VectorTable(_vectors, _dimension, table.Count, _rows) : null;
    }

    /// <summary>Adds a vector of a document row, which must be above 0. <see cref="Publish"/> makes it found.</summary>
    public void Add(int row, ReadOnlySpan<float> vector)
    {
        int at = (_table?.Count ?? 0) + _pending;
        if (at == _rows.Length)
        {
            Reserve(Math.Max(64, (int)Math.Min(Array.MaxLength / _dimension, at * 3L / 2)));
        }

        vector.CopyTo(_vectors.AsSpan(at * _dimension, _dimension));
        _rows[at] = row;
        _positions[row] = at;
        _pending++;
    }

    /// <summary>The vector of a document row is not found any more.</summary>
    public void Remove(int row)
    {
        if (_positions.Remove(row, out int at))
        {
            Volatile.Write(ref _rows[at], 0);
        }
    }

    /// <summary>Makes found what was added; closes the gaps when a quarter of the table is removed.</summary>
    public void Publish()
    {
        int count = (_table?.Count ?? 0) + _pending;
        _pending = 0;
        if (_positions.Count < count - (count / 4))
        {
            count = Compact(count);
        }

        _table = count == 0 ? null : new VectorTable(_vectors, _dimension, count, _rows);
    }

    private int Compact(int count)
    {
        var vectors = new float[_positions.Count * _dimension];
        var rows = new int[_positions.Count];
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            if (_rows[i] == 0)
            {
                continue;
            }

            _vectors.AsSpan(i * _dimension, _dimension).CopyTo(vectors.AsSpan(kept * _dimension));
            rows[kept] = _rows[i];
            _positions[rows[kept]] = kept;
            kept++;
        }

        (_vectors, _rows) = (vectors, rows);
        return kept;
    }
}
