namespace PixSearch.Models.Checkpoints;

/// <summary>A source under other names, or only a part of it. Owns the source.</summary>
public sealed class RenamedSource : ITensorSource
{
    private readonly ITensorSource _inner;
    private readonly Dictionary<string, TensorEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _own = new(StringComparer.Ordinal);

    /// <summary>
    /// Shows the tensors for which <paramref name="rename"/> gives a name; of several with one name (aliases) the first
    /// in ordinal order of the file's names.
    /// </summary>
    public RenamedSource(ITensorSource inner, Func<string, string?> rename)
    {
        _inner = inner;
        foreach (TensorEntry entry in inner.Tensors.Values.OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            if (rename(entry.Name) is { } name && _own.TryAdd(name, entry.Name))
            {
                _entries[name] = entry with { Name = name };
            }
        }
    }

    /// <inheritdoc/>
    public string Origin => _inner.Origin;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorEntry> Tensors => _entries;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Metadata => _inner.Metadata;

    /// <summary>The name in the file of a tensor shown here.</summary>
    public string NameInFile(string name) => _own[this.Entry(name).Name];

    /// <inheritdoc/>
    public void ReadF32(string name, long start, Span<float> destination) =>
        _inner.ReadF32(NameInFile(name), start, destination);

    /// <inheritdoc/>
    public void ReadI64(string name, long start, Span<long> destination) =>
        _inner.ReadI64(NameInFile(name), start, destination);

    /// <inheritdoc/>
    public void Dispose() => _inner.Dispose();
}
