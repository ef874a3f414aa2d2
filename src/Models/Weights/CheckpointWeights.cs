using System.Text;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Tensors;

namespace PixSearch.Models.Weights;

/// <summary>
/// Weights read from a checkpoint, a piece of a tensor at a time, and stored at once as they will be served: loading
/// needs no more memory than the weights in their own type and one mapped file. Problems are collected while the model
/// is built, so that <see cref="ThrowIfBroken"/> can list every missing, mis-shaped, damaged and unknown tensor.
/// </summary>
public sealed class CheckpointWeights : IWeightSource
{
    private const int ListedMax = 20;

    private readonly IBackend _backend;
    private readonly ITensorSource _source;
    private readonly Func<string, string?> _nameOf;
    private readonly WeightLoadOptions _options;
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly List<string> _missing = [];
    private readonly List<string> _misshaped = [];
    private readonly List<string> _damaged = [];

    /// <summary>Weights of an open checkpoint, which must stay open until the model is built.</summary>
    /// <param name="backend">Where the weights will lie.</param>
    /// <param name="source">The tensors.</param>
    /// <param name="options">How to store and what to ignore.</param>
    /// <param name="nameOf">
    /// From a name of the model's layout to the checkpoint's name, or null when the checkpoint lacks it; null when they
    /// are the same.
    /// </param>
    public CheckpointWeights(IBackend backend, ITensorSource source, WeightLoadOptions? options = null,
        Func<string, string?>? nameOf = null)
    {
        (_backend, _source, _options) = (backend, source, options ?? new WeightLoadOptions());
        _nameOf = nameOf ?? (name => source.Tensors.ContainsKey(name) ? name : null);
    }

    /// <inheritdoc/>
    public bool Contains(string name) => _nameOf(name) is { } own && _source.Tensors.ContainsKey(own);

    /// <inheritdoc/>
    public Weight Create(string name, Shape shape, WeightInit init)
    {
        string? own = _nameOf(name);
        if (own is null || !_source.Tensors.TryGetValue(own, out TensorEntry? entry))
        {
            _missing.Add($"{name} {shape}");
            return Placeholder(name, shape);
        }

        _used.Add(own);
        if (entry.Shape != shape)
        {
            _misshaped.Add($"{own} is {entry.Shape}, expected {shape}");
            return Placeholder(name, shape);
        }

        bool sound = true;
        Weight weight = _backend.Load(name, shape, _options.PackedType(entry.Type, init.Use), (start, destination) =>
        {
            _source.ReadF32(own, start, destination);
            sound = sound && Check(own, start, destination);
        });
        weight.Trainable = _options.Trainable && init.Trainable;
        return weight;
    }

    /// <summary>Throws when anything was missing, mis-shaped, not a number, or left over.</summary>
    /// <exception cref="PixException">BrokenArtifact; the message lists the tensors by name.</exception>
    public void ThrowIfBroken()
    {
        List<string> extra = [.. _source.Tensors.Keys
            .Where(name => !_used.Contains(name) && !_options.Ignore(name))
            .Order(StringComparer.Ordinal)];
        if (_missing.Count + _misshaped.Count + _damaged.Count + extra.Count == 0)
        {
            return;
        }

        var text = new StringBuilder($"Checkpoint {_source.Origin} does not fit its configuration:");
        Append(text, "missing", _missing);
        Append(text, "mis-shaped", _misshaped);
        Append(text, "not finite numbers", _damaged);
        Append(text, "unknown", extra);
        throw new PixException(PixErrorKind.BrokenArtifact, text.ToString());
    }

    private bool Check(string own, long start, ReadOnlySpan<float> numbers)
    {
        for (int i = 0; i < numbers.Length; i++)
        {
            if (!float.IsFinite(numbers[i]))
            {
                _damaged.Add($"{own} (element {start + i} is {numbers[i]})");
                return false;
            }
        }

        return true;
    }

    // Lets construction go on after a problem, so that all problems are found; ThrowIfBroken then refuses the model. It
    // has no memory behind it: a configuration that asks for terabytes is refused too, not tried.
    private static Weight Placeholder(string name, Shape shape) => new(name, shape, WeightType.F32, new MemoryStream());

    private static void Append(StringBuilder text, string what, List<string> items)
    {
        if (items.Count == 0)
        {
            return;
        }

        string more = items.Count > ListedMax ? $" and {items.Count - ListedMax} more" : "";
        text.Append($" {items.Count} {what}: {string.Join("; ", items.Take(ListedMax))}{more}.");
    }
}

