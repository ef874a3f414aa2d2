using System.Globalization;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Parity;

/// <summary>
/// A file of weights, inputs and reference outputs (named <c>test.*</c>) being checked: reads sizes from the metadata
/// and collects results.
/// </summary>
internal sealed class Fixture : IDisposable
{
    // Outputs of a larger size would take gigabytes before they could be compared.
    private const int SideMax = 8192;

    private readonly ITensorSource _source;
    private readonly CheckpointWeights _weightSource;
    private readonly List<ParityResult> _results = [];

    public Fixture(IBackend backend, ITensorSource source)
    {
        (Backend, _source) = (backend, source);
        _weightSource = new CheckpointWeights(backend, source,
            new WeightLoadOptions { Ignore = _ => true }); // a surplus weight that mattered would show in the numbers
        Weights = new WeightStore(_weightSource);
    }

    public IBackend Backend { get; }

    public WeightStore Weights { get; }

    public IReadOnlyList<ParityResult> Results => _results;

    /// <summary>Throws when the file lacks weights that the model needs. Call once the model is built.</summary>
    public void CheckWeights() => _weightSource.ThrowIfBroken();

    public bool Has(string name) => _source.Tensors.ContainsKey(name);

    public Shape ShapeOf(string name) => _source.Entry(name).Shape;

    public string Text(string key) => _source.Metadata.TryGetValue(key, out string? value)
        ? value
        : throw new PixException(PixErrorKind.BrokenArtifact, $"{_source.Origin}: the metadata lacks '{key}'.");

    public int Int(string key, int? fallback = null) => fallback is { } value && !_source.Metadata.ContainsKey(key)
        ? value
        : Parse(key, text => int.Parse(text, CultureInfo.InvariantCulture));

    public float Float(string key) => Parse(key, text => float.Parse(text, CultureInfo.InvariantCulture));

    public bool Bool(string key) => Parse(key, bool.Parse);

    public int[] Ints(string key) => Parse(key, text => JsonSerializer.Deserialize<int[]>(text) ?? []);

    /// <summary>Height and width.</summary>
    public (int Height, int Width) Size(string key) => Ints(key) is [>= 1 and <= SideMax and int height,
        >= 1 and <= SideMax and int width]
            ? (height, width)
            : throw new PixException(PixErrorKind.BrokenArtifact,
                $"{_source.Origin}: metadata '{key}' is '{Text(key)}'; it must be two numbers from 1 to {SideMax}.");

    /// <summary>Token ids by name, all of the names given.</summary>
    public Dictionary<string, int> IntsByName(string key, params string[] names)
    {
        Dictionary<string, int> numbers =
            Parse(key, text => JsonSerializer.Deserialize<Dictionary<string, int>>(text) ?? []);
        return names.All(numbers.ContainsKey) ? numbers : throw new PixException(PixErrorKind.BrokenArtifact,
            $"{_source.Origin}: metadata '{key}' is '{Text(key)}'; it must name {string.Join(", ", names)}.");
    }

    public Tensor Tensor(string name) => Backend.From(_source.ReadF32(name), ShapeOf(name));

    public int[] Ids(string name) => [.. _source.ReadI64(name).Select(id => checked((int)id))];

    public void Compare(string output, string path, Tensor actual)
    {
        float[] expected = _source.ReadF32(output);
        float[] numbers = new float[actual.Count];
        Backend.Read(actual, numbers);
        if (numbers.Length != expected.Length)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"{_source.Origin}: {output} is {ShapeOf(output)}, computed was {actual.Shape}.");
        }

        float largest = 0;
        for (int i = 0; i < numbers.Length; i++)
        {
            float error = MathF.Abs(numbers[i] - expected[i]);
            largest = float.IsFinite(error) ? MathF.Max(largest, error) : float.PositiveInfinity;
        }

        _results.Add(new ParityResult(output, path, largest));
    }

    public void CompareIds(string output, string path, ReadOnlySpan<int> actual)
    {
        int[] expected = Ids(output);
        int different = Math.Abs(expected.Length - actual.Length);
        for (int i = 0; i < Math.Min(expected.Length, actual.Length); i++)
        {
            different += expected[i] == actual[i] ? 0 : 1;
        }

        _results.Add(new ParityResult(output, path, different));
    }

    public void Dispose() => Weights.Dispose();

    private T Parse<T>(string key, Func<string, T> parse)
    {
        string text = Text(key);
        try
        {
            return parse(text);
        }
        catch (Exception error) when (error is FormatException or OverflowException or JsonException)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"{_source.Origin}: metadata '{key}' is '{text}', which is not what was expected.", error);
        }
    }
}
