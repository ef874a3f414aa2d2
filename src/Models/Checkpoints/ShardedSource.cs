using System.Text.Json;
using PixSearch.Abstractions;

namespace PixSearch.Models.Checkpoints;

/// <summary>
/// A checkpoint in several files with an index (<c>model.safetensors.index.json</c> or
/// <c>pytorch_model.bin.index.json</c>). Of the files one at a time is mapped, so that loading needs the memory of one
/// shard at most beside what it makes; readers that go through the tensors in the order of the files open each once.
/// </summary>
public sealed class ShardedSource : ITensorSource
{
    private const long IndexLengthMax = 64L << 20;

    private readonly Dictionary<string, TensorEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _files = new(StringComparer.Ordinal);
    private readonly Func<string, ITensorSource> _open;
    private readonly Lock _lock = new();
    private ITensorSource? _current;
    private string? _currentPath;

    /// <summary>
    /// Reads the index and the header of every file; throws <see cref="PixException"/> with what does not fit.
    /// </summary>
    public ShardedSource(string indexPath)
        : this(indexPath, CheckpointSource.OpenFile)
    {
    }

    internal ShardedSource(string indexPath, Func<string, ITensorSource> open)
    {
        Origin = indexPath;
        _open = open;
        string folder = Path.GetDirectoryName(Path.GetFullPath(indexPath)) ?? "";
        Dictionary<string, string> map = ReadIndex(indexPath);
        var problems = new List<string>();
        foreach (IGrouping<string, string> shard in map.GroupBy(pair => pair.Value, pair => pair.Key))
        {
            AddShard(folder, shard.Key, [.. shard], problems);
        }

        if (problems.Count > 0)
        {
            throw Broken(string.Join("; ", problems.Take(20)) + (problems.Count > 20
                ? $" and {problems.Count - 20} more" : ""));
        }
    }

    /// <inheritdoc/>
    public string Origin { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorEntry> Tensors => _entries;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

    /// <summary>File of each tensor, for those who want to read in the order of files.</summary>
    public IReadOnlyDictionary<string, string> FileOf => _files;

    /// <inheritdoc/>
    public void ReadF32(string name, long start, Span<float> destination)
    {
        this.CheckRange(this.Entry(name), start, destination.Length);
        lock (_lock)
        {
            Shard(name).ReadF32(name, start, destination);
        }
    }

    /// <inheritdoc/>
    public void ReadI64(string name, long start, Span<long> destination)
    {
        this.CheckRange(this.Entry(name), start, destination.Length);
        lock (_lock)
        {
            Shard(name).ReadI64(name, start, destination);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _current?.Dispose();
            _current = null;
            _currentPath = null;
        }
    }

    private ITensorSource Shard(string name)
    {
        string path = _files[name];
        if (_currentPath != path || _current is null)
        {
            _current?.Dispose();
            _current = null;
            _current = _open(path);
            _currentPath = path;
        }

        return _current;
    }

    private void AddShard(string folder, string file, string[] names, List<string> problems)
    {
        // A name with a folder in it could reach out of the checkpoint.
        if (file.Length == 0 || file != Path.GetFileName(file) || file is "." or "..")
        {
            problems.Add($"'{file}' is not the plain name of a file");
            return;
        }

        string path = Path.Combine(folder, file);
        if (!File.Exists(path))
        {
            problems.Add($"file '{file}' is missing ({names.Length} tensors)");
            return;
        }

        using ITensorSource shard = _open(path);
        HashSet<string> extra = [.. shard.Tensors.Keys];
        foreach (string name in names)
        {
            extra.Remove(name);
            if (shard.Tensors.TryGetValue(name, out TensorEntry? entry))
            {
                _entries[name] = entry;
                _files[name] = path;
            }
            else
            {
                problems.Add($"'{file}' does not hold '{name}'");
            }
        }

        problems.AddRange(extra.Select(name => $"'{file}' holds '{name}', which the index does not name"));
    }

    private static Dictionary<string, string> ReadIndex(string path)
    {
        try
        {
            using JsonDocument document =
                JsonDocument.Parse(InputFile.ReadAll(path, "index of shards", IndexLengthMax));
            var map = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty property in document.RootElement.GetProperty("weight_map").EnumerateObject())
            {
                if (!map.TryAdd(property.Name, property.Value.GetString() ?? ""))
                {
                    throw new PixException(PixErrorKind.BrokenArtifact,
                        $"'{path}' names tensor '{property.Name}' twice.");
                }
            }

            return map;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{path}' is not an index of shards: {error.Message.ReplaceLineEndings(" ")}", error);
        }
    }

    private PixException Broken(string what) => new(PixErrorKind.BrokenArtifact, $"'{Origin}' cannot be used: {what}.");
}
