using PixSearch.Tensors;

namespace PixSearch.Models.Weights;

/// <summary>
/// All weights of a model by checkpoint name, in the order in which the modules asked for them: what an optimizer steps
/// through and what is saved. Owns the weights.
/// </summary>
public sealed class WeightStore : IDisposable
{
    private readonly IWeightSource _source;
    private readonly Dictionary<string, Weight> _byName = new(StringComparer.Ordinal);
    private readonly List<Weight> _all = [];

    /// <summary>An empty store that takes its weights from a source.</summary>
    public WeightStore(IWeightSource source) => _source = source;

    /// <summary>All weights, in the order of construction.</summary>
    public IReadOnlyList<Weight> All => _all;

    /// <summary>Number of learned numbers, those of buffers included.</summary>
    public long ParameterCount => _all.Sum(weight => (long)weight.Shape.Count);

    /// <summary>The names below a prefix; <c>""</c> for the root.</summary>
    public WeightScope Root => new(this, "");

    /// <summary>The weight of this name, or null.</summary>
    public Weight? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>True when the source has a weight of this name.</summary>
    public bool SourceContains(string name) => _source.Contains(name);

    /// <summary>
    /// The weight of this name, made on first use. Two modules that ask for one name share the weight.
    /// </summary>
    /// <exception cref="ArgumentException">It was made before with another shape.</exception>
    public Weight Get(string name, Shape shape, WeightInit init)
    {
        if (_byName.TryGetValue(name, out Weight? known))
        {
            return known.Shape == shape
                ? known
                : throw new ArgumentException($"Weight '{name}' is {known.Shape}, but another module wants {shape}.");
        }

        Weight weight = _source.Create(name, shape, init);
        _byName.Add(name, weight);
        _all.Add(weight);
        return weight;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Weight weight in _all)
        {
            weight.Dispose();
        }

        _all.Clear();
        _byName.Clear();
    }

    /// <summary>For example <c>212 weights, 12,345,678 parameters</c>.</summary>
    public override string ToString() =>
        FormattableString.Invariant($"{_all.Count} weights, {ParameterCount:N0} parameters");
}

/// <summary>A store seen from one module: names are relative to a prefix.</summary>
public readonly record struct WeightScope(WeightStore Store, string Prefix)
{
    /// <summary>The names below <paramref name="name"/>.</summary>
    public WeightScope this[string name] => new(Store, Join(name));

    /// <summary>The names below item <paramref name="index"/> of a list.</summary>
    public WeightScope this[int index] =>
        new(Store, Join(index.ToString(System.Globalization.CultureInfo.InvariantCulture)));

    /// <summary>The weight of this name under the prefix.</summary>
    public Weight Get(string name, Shape shape, WeightInit init) => Store.Get(Join(name), shape, init);

    /// <summary>True when the source has a weight of this name under the prefix.</summary>
    public bool Contains(string name) => Store.SourceContains(Join(name));

    private string Join(string name) => Prefix.Length == 0 ? name : $"{Prefix}.{name}";
}
