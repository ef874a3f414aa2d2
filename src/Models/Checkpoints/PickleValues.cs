namespace PixSearch.Models.Checkpoints;

// What a pickle may consist of: null, bool, long, double, string, byte[], object[] (a tuple), List<object?>, PickleMap
// and the records below. Nothing in it can be called.

/// <summary>A Python dict: pairs in order; a later pair of an equal key replaces the earlier one.</summary>
internal sealed class PickleMap
{
    private readonly Dictionary<object, int> _indexes = [];

    /// <summary>Keys (string, long or bool) and values in order of first insertion.</summary>
    public List<(object Key, object? Value)> Pairs { get; } = [];

    /// <summary>Sets a key.</summary>
    public void Set(object key, object? value)
    {
        if (_indexes.TryGetValue(key, out int index))
        {
            Pairs[index] = (key, value);
            return;
        }

        _indexes.Add(key, Pairs.Count);
        Pairs.Add((key, value));
    }

    /// <summary>The value of a key; null where there is none.</summary>
    public object? Find(string key) => _indexes.TryGetValue(key, out int index) ? Pairs[index].Value : null;
}

/// <summary>A name of a Python module that is allowed, for example <c>torch.FloatStorage</c>.</summary>
internal sealed record PickleGlobal(string Name);

/// <summary>Numbers in an entry <c>data/KEY</c> of the archive.</summary>
internal sealed record PickleStorage(ElementType Type, string Key, long Count);

/// <summary>A view of a storage; sizes and strides in elements.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long Offset, long[] Sizes, long[] Strides);
