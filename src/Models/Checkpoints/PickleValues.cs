namespace PixSearch.Models.Checkpoints;

// What a pickle may consist of: null, bool, long, double, string, byte[], object[] (a tuple), List<object?>, PickleMap
// and the records below. Nothing in it can be called.

/// <summary>A Python dict: pairs in order; a later pair of an equal key replaces the earlier one.</summary>
internal sealed class PickleMap
{
    // Most dicts of a checkpoint are empty (the hooks of every tensor): they take no table.
    private const int ScannedMax = 8;

    private List<(object Key, object? Value)>? _pairs;
    private Dictionary<object, int>? _indexes;

    /// <summary>Keys (string, long or bool) and values in order of first insertion.</summary>
    public IReadOnlyList<(object Key, object? Value)> Pairs => _pairs ?? [];

    /// <summary>Sets a key.</summary>
    public void Set(object key, object? value)
    {
        _pairs ??= [];
        int index = IndexOf(key);
        if (index >= 0)
        {
            _pairs[index] = (key, value);
            return;
        }

        _indexes?.Add(key, _pairs.Count);
        _pairs.Add((key, value));
        if (_indexes is null && _pairs.Count > ScannedMax)
        {
            _indexes = new Dictionary<object, int>(KeyComparer.Instance);
            for (int i = 0; i < _pairs.Count; i++)
            {
                _indexes.Add(_pairs[i].Key, i);
            }
        }
    }

    /// <summary>The value of a key; null where there is none.</summary>
    public object? Find(string key) => IndexOf(key) is >= 0 and int index ? Pairs[index].Value : null;

    private int IndexOf(object key) => _indexes is null
        ? _pairs?.FindIndex(pair => pair.Key.Equals(key)) ?? -1
        : _indexes.GetValueOrDefault(key, -1);

    // A long's own hash is the number itself: keys could be chosen that all fall into one bucket.
    private sealed class KeyComparer : IEqualityComparer<object>
    {
        public static KeyComparer Instance { get; } = new();

        public new bool Equals(object? a, object? b) => object.Equals(a, b);

        public int GetHashCode(object key) => HashCode.Combine(key);
    }
}

/// <summary>A name of a Python module that is allowed, for example <c>torch.FloatStorage</c>.</summary>
internal sealed record PickleGlobal(string Name);

/// <summary>Numbers in an entry <c>data/KEY</c> of the archive.</summary>
internal sealed record PickleStorage(ElementType Type, string Key, long Count);

/// <summary>A view of a storage; sizes and strides in elements.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long Offset, long[] Sizes, long[] Strides);
