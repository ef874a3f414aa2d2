namespace PixSearch.Tensors;

/// <summary>
/// Keys and values of all layers in pages of a fixed number of positions, on one backend. Pages are handed out by
/// whoever owns the store (the engine's page pool); the store itself knows only numbers.
/// </summary>
public sealed class KvStore : IDisposable
{
    private readonly Tensor[] _keys;
    private readonly Tensor[] _values;

    /// <summary>Allocates the store: <c>2 * layers * pageCount * pageSize * heads * headSize</c> elements.</summary>
    /// <exception cref="ArgumentException">BF16, and a head of an odd number of elements.</exception>
    public KvStore(IBackend backend, int layers, int pageCount, int pageSize, int heads, int headSize,
        KvType type = KvType.F32)
    {
        if (type == KvType.BF16 && headSize % 2 != 0)
        {
            throw new ArgumentException($"Keys in BF16 need heads of an even size, not {headSize}.", nameof(headSize));
        }

        (Layers, PageCount, PageSize, Heads, HeadSize) = (layers, pageCount, pageSize, heads, headSize);
        Type = type;
        var shape = new Shape(pageCount, pageSize, heads, headSize);
        _keys = [.. Enumerable.Range(0, layers).Select(_ => TensorScope.Detach(backend.KvPages(shape, type)))];
        _values = [.. Enumerable.Range(0, layers).Select(_ => TensorScope.Detach(backend.KvPages(shape, type)))];
    }

    /// <summary>Number of decoder layers.</summary>
    public int Layers { get; }

    /// <summary>Number of pages.</summary>
    public int PageCount { get; }

    /// <summary>Positions in a page.</summary>
    public int PageSize { get; }

    /// <summary>Key/value heads.</summary>
    public int Heads { get; }

    /// <summary>Elements of a head.</summary>
    public int HeadSize { get; }

    /// <summary>How numbers are stored.</summary>
    public KvType Type { get; }

    /// <summary>Floats of memory of a head on a host backend.</summary>
    internal int Cell => KvCell.Words(Type, HeadSize);

    /// <summary>Keys of a layer, as <see cref="IBackend.KvPages"/> made them.</summary>
    public Tensor Keys(int layer) => _keys[layer];

    /// <summary>Values of a layer, as <see cref="IBackend.KvPages"/> made them.</summary>
    public Tensor Values(int layer) => _values[layer];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor tensor in _keys.Concat(_values))
        {
            tensor.Dispose();
        }
    }
}

/// <summary>
/// Rows of several sequences laid one after the other, for one step: sequence s owns query rows
/// <c>[RowStart, RowStart + RowCount)</c>, which stand at positions <c>[Start, Start + RowCount)</c>.
/// </summary>
public sealed class PagedBatch
{
    /// <summary>The sequences, in row order.</summary>
    public required IReadOnlyList<PagedSequence> Sequences { get; init; }

    /// <summary>All query rows.</summary>
    public int RowCount => Sequences.Count == 0 ? 0 : Sequences[^1].RowStart + Sequences[^1].RowCount;
}

/// <summary>One sequence of a <see cref="PagedBatch"/>.</summary>
/// <param name="Pages">Pages in order; position p lies in <c>Pages[p / pageSize]</c> at <c>p % pageSize</c>.</param>
/// <param name="RowStart">First query row in the batch.</param>
/// <param name="RowCount">Query rows of this step, at least 1.</param>
/// <param name="Start">Position of the first query row = keys already in the cache.</param>
/// <param name="FullEnd">Positions in [FullStart, FullEnd) see each other (image prefix); 0 for plain causal.</param>
/// <param name="FullStart">Start of that range.</param>
public readonly record struct PagedSequence(ReadOnlyMemory<int> Pages, int RowStart, int RowCount, int Start,
    int FullStart = 0, int FullEnd = 0);
