using PixSearch.Abstractions;
using PixSearch.Tensors;

namespace PixSearch.Models.Checkpoints;

/// <summary>How low-rank adapters were trained.</summary>
/// <param name="Alpha">The scale is alpha / r (alpha / sqrt(r) with <paramref name="RankStabilized"/>).</param>
/// <param name="Rank">r; null: as the adapters' shapes say.</param>
/// <param name="Targets">Last parts of the names of adapted layers, for example q_proj; null: all that are in the
/// file.</param>
/// <param name="RankStabilized">PEFT's use_rslora.</param>
public sealed record LoraSettings(float Alpha, int? Rank = null, IReadOnlyList<string>? Targets = null,
    bool RankStabilized = false);

/// <summary>
/// A checkpoint with its low-rank adapters (Hu et al. 2021) merged as it is read: <c>W + scale * B A</c>. The adapters
/// may lie in the checkpoint itself (PLUM, LISA before merging) or in a file of their own (PEFT). Names lose the
/// wrappers of PEFT (<c>base_model.model.</c>, <c>.base_layer</c>).
/// </summary>
public sealed class LoraSource : ITensorSource
{
    private const string MarkA = ".lora_A";
    private const string MarkB = ".lora_B";
    private const string AnyMark = ".lora_";

    private readonly ITensorSource _base;
    private readonly Dictionary<string, TensorEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (ITensorSource Source, string Name)> _plain = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Adapter> _adapters = new(StringComparer.Ordinal);
    private readonly ITensorSource? _adapterSource;
    private readonly Lock _lock = new();
    private (string Name, float[] A, float[] B)? _cached;

    /// <summary>
    /// Merges. Owns both sources; <paramref name="adapters"/> is null when they lie in the checkpoint itself. Throws
    /// <see cref="PixException"/> (BrokenArtifact) that lists the adapters without a layer, of another rank, or
    /// incomplete.
    /// </summary>
    public LoraSource(ITensorSource source, ITensorSource? adapters, LoraSettings settings)
    {
        _base = source;
        _adapterSource = adapters;
        var problems = new List<string>();
        AddPlain(source);
        if (adapters is not null)
        {
            AddPlain(adapters);
        }

        if (adapters is not null && source.Tensors.Keys.FirstOrDefault(IsAdapter) is { } own)
        {
            problems.Add($"the checkpoint holds adapters of its own ('{own}'): merge those first, with px convert");
        }

        if (adapters is not null && !adapters.Tensors.Keys.Any(IsAdapter))
        {
            problems.Add($"'{adapters.Origin}' holds none");
        }

        CheckScale(settings, problems);
        FindAdapters(adapters ?? source, settings, problems);
        if (problems.Count > 0)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"The adapters of {Origin} do not fit: {string.Join("; ", problems.Take(20))}"
                + (problems.Count > 20 ? $" and {problems.Count - 20} more." : "."));
        }
    }

    /// <inheritdoc/>
    public string Origin => _adapterSource is null ? _base.Origin : $"{_base.Origin} with {_adapterSource.Origin}";

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorEntry> Tensors => _entries;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Metadata => _base.Metadata;

    /// <summary>Number of layers that adapters change.</summary>
    public int AdapterCount => _adapters.Count;

    /// <summary>True when a checkpoint holds adapters that are not merged.</summary>
    public static bool HasAdapters(ITensorSource source) =>
        source.Tensors.Keys.Any(IsAdapter);

    /// <inheritdoc/>
    public void ReadF32(string name, long start, Span<float> destination)
    {
        this.CheckRange(this.Entry(name), start, destination.Length);
        (ITensorSource source, string own) = _plain[name];
        source.ReadF32(own, start, destination);
        if (!_adapters.TryGetValue(name, out Adapter? adapter))
        {
            return;
        }

        (float[] a, float[] b) = ReadAdapter(name, adapter);
        int width = adapter.In;
        for (int done = 0; done < destination.Length;)
        {
            int row = (int)((start + done) / width);
            int column = (int)((start + done) % width);
            int count = Math.Min(width - column, destination.Length - done);
            AddRow(b.AsSpan(row * adapter.Rank, adapter.Rank), a, width, column, adapter.Scale,
                destination.Slice(done, count));
            done += count;
        }
    }

    /// <inheritdoc/>
    public void ReadI64(string name, long start, Span<long> destination)
    {
        this.Entry(name);
        (ITensorSource source, string own) = _plain[name];
        source.ReadI64(own, start, destination);
    }

    /// <summary>Closes both sources.</summary>
    public void Dispose()
    {
        _base.Dispose();
        _adapterSource?.Dispose();
    }

    private static void AddRow(ReadOnlySpan<float> b, float[] a, int width, int column, float scale, Span<float> row)
    {
        for (int k = 0; k < b.Length; k++)
        {
            float factor = scale * b[k];
            ReadOnlySpan<float> from = a.AsSpan((k * width) + column, row.Length);
            for (int i = 0; i < row.Length; i++)
            {
                row[i] += factor * from[i];
            }
        }
    }

    /// <summary>A name without PEFT's wrappers.</summary>
    internal static string Unwrapped(string name)
    {
        const string Wrapper = "base_model.model.";
        name = name.StartsWith(Wrapper, StringComparison.Ordinal) ? name[Wrapper.Length..] : name;
        return name.Replace(".base_layer.", ".", StringComparison.Ordinal)
            .Replace(".modules_to_save.default.", ".", StringComparison.Ordinal);
    }

    private static bool IsAdapter(string name) => name.Contains(AnyMark, StringComparison.Ordinal);

    private static void CheckScale(LoraSettings settings, List<string> problems)
    {
        if (!float.IsFinite(settings.Alpha))
        {
            problems.Add($"alpha is {settings.Alpha}, which is no number");
        }

        if (settings.Rank < 1)
        {
            problems.Add($"r is {settings.Rank}; it must be at least 1");
        }
    }

    // modules_to_save keeps the untrained original beside the trained copy.
    private void AddPlain(ITensorSource source)
    {
        foreach (TensorEntry entry in source.Tensors.Values)
        {
            if (IsAdapter(entry.Name)
                || entry.Name.Contains(".original_module.", StringComparison.Ordinal))
            {
                continue;
            }

            string name = Unwrapped(entry.Name);
            _entries[name] = entry with { Name = name };
            _plain[name] = (source, entry.Name);
        }
    }

    private void FindAdapters(ITensorSource source, LoraSettings settings, List<string> problems)
    {
        var halves = new HashSet<string>(source.Tensors.Keys.Where(IsAdapter), StringComparer.Ordinal);
        foreach (TensorEntry a in source.Tensors.Values.Where(entry =>
            entry.Name.Contains(MarkA + ".", StringComparison.Ordinal)))
        {
            halves.Remove(a.Name);
            int mark = a.Name.LastIndexOf(MarkA, StringComparison.Ordinal);
            string layer = Unwrapped(a.Name[..mark] + ".weight");
            string nameB = string.Concat(a.Name.AsSpan(0, mark), MarkB, a.Name.AsSpan(mark + MarkA.Length));
            halves.Remove(nameB);
            string module = layer[..^".weight".Length];
            bool isTarget = settings.Targets is null || settings.Targets.Any(target =>
                module == target || module.EndsWith("." + target, StringComparison.Ordinal));
            if (!_entries.TryGetValue(layer, out TensorEntry? entry))
            {
                problems.Add($"'{a.Name}' has no layer '{layer}'");
            }
            else if (!isTarget)
            {
                problems.Add($"'{a.Name}' is not among the targets {string.Join(", ", settings.Targets ?? [])}");
            }
            else if (!source.Tensors.TryGetValue(nameB, out TensorEntry? b))
            {
                problems.Add($"'{nameB}' is missing");
            }
            else if (_adapters.ContainsKey(layer))
            {
                problems.Add($"'{a.Name}' is a second adapter of '{layer}'");
            }
            else if (entry.Shape.Rank != 2 || a.Shape.Rank != 2 || a.Shape[0] < 1
                || b.Shape != new Shape(entry.Shape[0], a.Shape[0]) || a.Shape[1] != entry.Shape[1]
                || (settings.Rank ?? a.Shape[0]) != a.Shape[0])
            {
                problems.Add($"'{a.Name}' {a.Shape} and '{nameB}' {b.Shape} do not fit {layer} {entry.Shape}"
                    + (settings.Rank is int rank ? $" at rank {rank}" : ""));
            }
            else
            {
                int r = a.Shape[0];
                float scale = settings.Alpha / (settings.RankStabilized ? MathF.Sqrt(r) : r);
                _adapters[layer] = new Adapter(source, a.Name, nameB, r, entry.Shape[1], scale);
            }
        }

        // lora_embedding_A, lora_magnitude_vector (DoRA), halves of a pair: what is left out would change the numbers.
        problems.AddRange(halves.Order(StringComparer.Ordinal).Select(name => $"'{name}' is no half of a known pair"));
    }

    private (float[] A, float[] B) ReadAdapter(string name, Adapter adapter)
    {
        lock (_lock)
        {
            if (_cached is not { } cached || cached.Name != name)
            {
                cached = (name, adapter.Source.ReadF32(adapter.NameA), adapter.Source.ReadF32(adapter.NameB));
                _cached = cached;
            }

            return (cached.A, cached.B);
        }
    }

    private sealed record Adapter(ITensorSource Source, string NameA, string NameB, int Rank, int In, float Scale);
}
