using PixSearch.Models.Families;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Checkpoints.Published;

/// <summary>What a checkpoint lacks or has too much of, by name. No number is read for it.</summary>
public sealed class CheckpointCheck : IWeightSource
{
    private readonly ITensorSource _source;
    private readonly List<TensorEntry> _used = [];
    private readonly List<string> _missing = [];
    private readonly List<string> _misshaped = [];

    private CheckpointCheck(ITensorSource source) => _source = source;

    /// <summary>Tensors that the model reads.</summary>
    public IReadOnlyList<TensorEntry> Used => _used;

    /// <summary>Name and expected shape of tensors that are missing.</summary>
    public IReadOnlyList<string> Missing => _missing;

    /// <summary>Tensors of another shape than expected, with both shapes.</summary>
    public IReadOnlyList<string> Misshaped => _misshaped;

    /// <summary>Tensors that the model does not read, but for CLIP's layers beyond the one that is used.</summary>
    public IReadOnlyList<string> Extra { get; private set; } = [];

    /// <summary>Lets a model ask for its weights and notes what it gets.</summary>
    public static CheckpointCheck Run(ITensorSource source, Action<WeightStore> build)
    {
        var check = new CheckpointCheck(source);
        using var weights = new WeightStore(check);
        build(weights);
        HashSet<string> used = [.. check._used.Select(entry => entry.Name)];
        used.UnionWith(check._misshaped.Select(line => line[..line.IndexOf(' ', StringComparison.Ordinal)]));
        check.Extra = [.. source.Tensors.Keys
            .Where(name => !used.Contains(name) && !PixSearchFolder.IsUnused(name))
            .Order(StringComparer.Ordinal)];
        return check;
    }

    /// <inheritdoc/>
    public bool Contains(string name) => _source.Tensors.ContainsKey(name);

    /// <inheritdoc/>
    public Weight Create(string name, Shape shape, WeightInit init)
    {
        if (!_source.Tensors.TryGetValue(name, out TensorEntry? entry))
        {
            _missing.Add($"{name} {shape}");
        }
        else if (entry.Shape != shape)
        {
            _misshaped.Add($"{name} is {entry.Shape}, expected {shape}");
        }
        else
        {
            _used.Add(entry);
        }

        // No memory behind it: only names and shapes matter here.
        return new Weight(name, shape, WeightType.F32, new MemoryStream());
    }
}
