using PixSearch.Abstractions;

namespace PixSearch.Retrieval;

/// <summary>
/// Least-recently-used results with two bounds, entries and bytes. Only complete results belong in it. Safe for several
/// threads.
/// </summary>
/// <param name="entriesMax">Most entries; 0 keeps none.</param>
/// <param name="bytesMax">Most bytes by <see cref="Size"/>.</param>
public sealed class ResultCache(int entriesMax, long bytesMax)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedListNode<Entry>> _nodes = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _recent = new();
    private long _bytes;

    /// <summary>Number of results kept.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _nodes.Count;
            }
        }
    }

    /// <summary>Bytes kept, by <see cref="Size"/>.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _bytes;
            }
        }
    }

    /// <summary>A result kept under this key, which becomes the most recent.</summary>
    public bool TryGet(string key, out RetrievalResult? result)
    {
        lock (_gate)
        {
            if (!_nodes.TryGetValue(key, out LinkedListNode<Entry>? node))
            {
                result = null;
                return false;
            }

            _recent.Remove(node);
            _recent.AddFirst(node);
            result = node.Value.Result;
            return true;
        }
    }

    /// <summary>
    /// Keeps a result; the least recent ones go until both bounds hold. One that breaks a bound alone is not kept.
    /// </summary>
    public void Put(string key, RetrievalResult result)
    {
        long size = Size(key, result);
        if (entriesMax == 0 || size > bytesMax)
        {
            return;
        }

        lock (_gate)
        {
            if (_nodes.TryGetValue(key, out LinkedListNode<Entry>? old))
            {
                Drop(old);
            }

            while (_recent.Last is { } last && (_nodes.Count >= entriesMax || _bytes + size > bytesMax))
            {
                Drop(last);
            }

            _nodes[key] = _recent.AddFirst(new Entry(key, result, size));
            _bytes += size;
        }
    }

    /// <summary>Estimated bytes of an entry: its characters, and 128 for each object.</summary>
    internal static long Size(string key, RetrievalResult result) => 128 + (2L * key.Length) + result.Hits.Sum(hit =>
        128 + (2L * (hit.DocumentId.Length + hit.Title.Length + hit.Snippet.Length)));

    private void Drop(LinkedListNode<Entry> node)
    {
        _recent.Remove(node);
        _nodes.Remove(node.Value.Key);
        _bytes -= node.Value.Size;
    }

    private sealed record Entry(string Key, RetrievalResult Result, long Size);
}
