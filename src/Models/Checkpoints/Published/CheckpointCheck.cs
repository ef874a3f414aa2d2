using PixSearch.Models.Families;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Checkpoints.Published;

/// <summary>What a checkpoint lacks or has too much of, by name. No number is read for it.</summary>
public sealed class CheckpointCheck : IWeightSource
{
    private readonly ITensorSource _source;
    private readonly List<TensorEntry> _used = [];
    private readonly Dictionary<string, WeightUse> _uses = new(StringComparer.Ordinal);
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

    /// <summary>True for a tensor that only linear layers read, as their matrix.</summary>
    internal bool IsMatrix(TensorEntry entry) => _uses[entry.Name] == WeightUse.Matrix;

    /// <summary>
    /// Bytes of the weights in memory when they are loaded with <paramref name="storage"/> (null: as they are stored).
    /// Matrices and tables take the type asked for; norms, biases, convolutions and positions are F32 always.
    /// </summary>
    public long MemoryBytes(WeightType? storage)
    {
        long bytes = 0;
        foreach (TensorEntry entry in _used)
        {
            long count = entry.Shape.Count;
            bytes += WeightLoadOptions.PackedType(entry.Type, _uses[entry.Name], storage) switch
            {
                WeightType.BF16 => 2 * count,
                WeightType.Q8 => count + (count / QuantizedSource.BlockSize * sizeof(ushort)),
                _ => 4 * count,
            };
        }

        return bytes;
    }

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
            _uses[name] = init.Use;
        }

        // No memory behind it: only names and shapes matter here.
        return new Weight(name, shape, WeightType.F32, new MemoryStream());
    }
}
