using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Inference.Engine;
using PixSearch.Models;
using PixSearch.Models.Families;
using PixSearch.Retrieval;
using PixSearch.Tensors;

namespace PixSearch.Node;

/// <summary>What a node is put together from: folders on disk.</summary>
public sealed record NodeSetup
{
    /// <summary>Folders of models, the default first; at least one.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>Folders of indexes, the default first; may be empty: then a search fails and says so.</summary>
    public IReadOnlyList<string> Indexes { get; init; } = [];

    /// <summary>Folder of the index encoder; empty for an index of text only.</summary>
    public string Encoder { get; init; } = "";

    /// <summary>Folder of the session store; empty keeps sessions in memory.</summary>
    public string Sessions { get; init; } = "";

    /// <summary>Makes a backend; called once for each model and once for the encoder, which run on threads of their
    /// own.</summary>
    public required Func<IBackend> Backend { get; init; }

    /// <summary>How the models' matrices are held in memory; null: as their files store them.</summary>
    public WeightType? Weights { get; init; }

    /// <summary>Settings. The engine's page count is raised to hold <see cref="ContextsMin"/> contexts.</summary>
    public NodeOptions Options { get; init; } = new();

    /// <summary>Contexts for which there are pages at least; memory of the key/value store grows with it.</summary>
    public int ContextsMin { get; init; } = 16;

    /// <summary>Clock; null for the system's.</summary>
    public TimeProvider? Time { get; init; }
}

/// <summary>A node together with all that it owns, opened from disk and closed in the right order.</summary>
public sealed class NodeAssembly : IAsyncDisposable
{
    private readonly Stack<IDisposable> _owned = new();
    private EmbeddedNode? _node;

    private NodeAssembly()
    {
    }

    /// <summary>The node.</summary>
    public EmbeddedNode Node => _node!;

    /// <summary>Its retriever.</summary>
    public IRetriever Retriever { get; private set; } = new NoIndex();

    /// <summary>Fills and asks its indexes.</summary>
    public NodeIndexes Indexes { get; private set; } = new(new NoIndex(), new Dictionary<string, IndexWriter>());

    /// <summary>The loaded models, the default first.</summary>
    public IReadOnlyList<ISegmentingModel> Models { get; private set; } = [];

    /// <summary>Loads everything.</summary>
    /// <exception cref="PixException">NotFound, or BrokenArtifact with the file that is damaged or belongs to another
    /// model.</exception>
    public static async Task<NodeAssembly> OpenAsync(NodeSetup setup)
    {
        var assembly = new NodeAssembly();
        try
        {
            // Model and index are independent: the one that takes longer hides the other.
            Task retriever = Task.Run(() => assembly.OpenRetriever(setup));
            assembly.Models = [.. setup.Models.Select(folder => assembly.OpenModel(setup, folder))];
            await retriever.ConfigureAwait(false);
            assembly.Start(setup);
            return assembly;
        }
        catch
        {
            await assembly.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_node is not null)
        {
            await _node.DisposeAsync().ConfigureAwait(false);
        }

        while (_owned.TryPop(out IDisposable? owned))
        {
            owned.Dispose();
        }
    }

    private ISegmentingModel OpenModel(NodeSetup setup, string folder)
    {
        IBackend backend = Own(setup.Backend());
        return Own(ModelFolder.Load(backend, folder, setup.Weights));
    }

    private void OpenRetriever(NodeSetup setup)
    {
        if (setup.Indexes.Count == 0)
        {
            return;
        }

        IRegionEncoder? encoder = null;
        if (setup.Encoder.Length > 0)
        {
            encoder = Own(ClipRegionEncoder.Load(Own(setup.Backend()), setup.Encoder));
        }

        var indexes = new Dictionary<string, SearchIndex>(StringComparer.Ordinal);
        var writers = new Dictionary<string, IndexWriter>(StringComparer.Ordinal);
        PictureLimits limits = setup.Options.Picture;
        foreach (string folder in setup.Indexes)
        {
            SearchIndex index = SearchIndex.Open(folder, encoder);
            indexes.Add(NameOf(folder), index);
            writers.Add(NameOf(folder), new IndexWriter(index, encoder, file => PictureCodec.Decode(file, limits)));
        }

        var retriever = Own(new IndexRetriever(indexes, NameOf(setup.Indexes[0]), encoder));
        foreach (IndexWriter writer in writers.Values)
        {
            Own(writer);
        }

        Retriever = retriever;
        Indexes = new NodeIndexes(retriever, writers);
    }

    private void Start(NodeSetup setup)
    {
        EngineOptions engine = setup.Options.Engine;
        int context = Models.Max(model => model.ContextLength);
        int pages = (int)Math.Min(int.MaxValue, (long)setup.ContextsMin * context / engine.PageSize) + 1;
        NodeOptions options =
            setup.Options with { Engine = engine with { PageCount = Math.Max(engine.PageCount, pages) } };
        TimeProvider time = setup.Time ?? TimeProvider.System;
        SessionStore? store = setup.Sessions.Length > 0 ? Own(new SessionStore(setup.Sessions, time)) : null;
        _node = new EmbeddedNode(Models, Retriever, [.. setup.Indexes.Select(NameOf)], options, time, store);
    }

    private T Own<T>(T owned)
        where T : IDisposable
    {
        lock (_owned)
        {
            _owned.Push(owned);
        }

        return owned;
    }

    private static string NameOf(string folder) =>
        Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));

    /// <summary>Stands in where no index was given.</summary>
    private sealed class NoIndex : IRetriever
    {
        public ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation) =>
            throw new PixException(PixErrorKind.NotFound,
                "The model wants to search, but there is no index: build one with 'px index build' and name it with "
                + "--index, or ask with --mode none.");
    }
}
