namespace PixSearch.Models.Checkpoints;

/// <summary>Several sources as one; a name that several have is read from the first. Owns the sources.</summary>
public sealed class UnitedSource : ITensorSource
{
    private readonly IReadOnlyList<ITensorSource> _sources;
    private readonly Dictionary<string, TensorEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ITensorSource> _holders = new(StringComparer.Ordinal);

    /// <summary>Unites.</summary>
    public UnitedSource(IReadOnlyList<ITensorSource> sources)
    {
        _sources = sources;
        foreach (ITensorSource source in sources)
        {
            foreach (TensorEntry entry in source.Tensors.Values)
            {
                if (_holders.TryAdd(entry.Name, source))
                {
                    _entries[entry.Name] = entry;
                }
            }
        }
    }

    /// <inheritdoc/>
    public string Origin => string.Join(" with ", _sources.Select(source => source.Origin));

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorEntry> Tensors => _entries;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Metadata => _sources[0].Metadata;

    /// <inheritdoc/>
    public void ReadF32(string name, long start, Span<float> destination) =>
        _holders[this.Entry(name).Name].ReadF32(name, start, destination);

    /// <inheritdoc/>
    public void ReadI64(string name, long start, Span<long> destination) =>
        _holders[this.Entry(name).Name].ReadI64(name, start, destination);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ITensorSource source in _sources)
        {
            source.Dispose();
        }
    }
}
