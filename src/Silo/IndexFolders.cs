using System.Collections.Concurrent;
using PixSearch.Abstractions;
using PixSearch.Grains;
using PixSearch.Retrieval;
using PixSearch.Tensors;

namespace PixSearch.Silo;

/// <summary>
/// The indexes that are on this silo's disk or volume. An index folder is one shard, or holds folders
/// <c>shard-0</c>, <c>shard-1</c>, …
/// </summary>
internal sealed class IndexFolders : IShardHost, IDisposable
{
    private readonly Dictionary<string, string[]> _folders = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Lazy<IndexRetriever>> _open = new();
    private readonly IBackend? _backend;
    private readonly ClipRegionEncoder? _encoder;
    private readonly string _default = "";

    public IndexFolders(SiloSettings settings)
    {
        foreach (string folder in settings.Indexes.Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
            string[] shards = Directory.Exists(folder)
                ? [.. Directory.EnumerateDirectories(folder, "shard-*").Order(StringComparer.Ordinal)]
                : throw new PixException(PixErrorKind.NotFound,
                    $"PIXSEARCH__INDEXES names '{folder}', which does not exist.");
            _folders[name] = shards.Length > 0 ? shards : [folder];
            _default = _default.Length > 0 ? _default : name;
        }

        if (settings.Encoder.Length > 0)
        {
            _backend = SiloBackend.Create(settings.Backend);
            _encoder = ClipRegionEncoder.Load(_backend, settings.Encoder);
        }
    }

    public string Resolve(string index)
    {
        string name = index.Length > 0 ? index : _default;
        return _folders.ContainsKey(name)
            ? name
            : throw new PixException(PixErrorKind.NotFound, name.Length == 0
                ? "This cluster has no index: set PIXSEARCH__INDEXES."
                : $"There is no index '{name}'; this cluster has {string.Join(", ", _folders.Keys)}.");
    }

    public int CountOf(string index) => _folders[Resolve(index)].Length;

    public IRetriever Open(string index, int shard)
    {
        string folder = _folders[Resolve(index)][shard];
        return _open.GetOrAdd(folder, path => new Lazy<IndexRetriever>(() => IndexRetriever.Open(path,
            _encoder))).Value;
    }

    public void Dispose()
    {
        foreach (Lazy<IndexRetriever> retriever in _open.Values.Where(one => one.IsValueCreated))
        {
            retriever.Value.Dispose();
        }

        _encoder?.Dispose();
        _backend?.Dispose();
    }
}
