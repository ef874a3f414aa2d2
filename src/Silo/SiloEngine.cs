using Microsoft.Extensions.DependencyInjection;
using PixSearch.Abstractions;
using PixSearch.Grains;
using PixSearch.Grains.Storage;
using PixSearch.Imaging;
using PixSearch.Inference.Engine;
using PixSearch.Inference.Sessions;
using PixSearch.Models;
using PixSearch.Models.Families;
using PixSearch.Tensors;

namespace PixSearch.Silo;

/// <summary>The model, its engine and the indexes of a silo, with everything that must be closed after it.</summary>
internal sealed class SiloEngine : IAsyncDisposable
{
    private static readonly TimeSpan s_databasePatience = TimeSpan.FromSeconds(60);

    private readonly IBackend _backend;
    private readonly ISegmentingModel _model;
    private readonly string _name;
    private readonly ClusterSessionLog _log;
    private readonly IndexFolders _indexes;
    private readonly LateRetriever _retriever = new();

    private SiloEngine(SiloSettings settings, SessionStore store)
    {
        _backend = SiloBackend.Create(settings.Backend);
        _model = ModelFolder.Load(_backend, Path.Combine(settings.Models, settings.DefaultModel));
        ISegmentingModel served = settings.Rehearsal ? new ScriptedModel(_model, question => question) : _model;

        // The folder's name, which is what gateways and requests know the model by.
        _name = settings.DefaultModel;
        _log = new ClusterSessionLog(store, s_databasePatience, settings.CommitInterval);
        _indexes = new IndexFolders(settings);
        var options = new EngineOptions();
        int pages = 16 * _model.ContextLength / options.PageSize;
        options = options with { PageCount = Math.Max(options.PageCount, pages), KvType = settings.Kv };
        Loop = new EngineLoop(served, _retriever, options, TimeProvider.System, _log);
    }

    /// <summary>The engine.</summary>
    public EngineLoop Loop { get; }

    /// <summary>Loads everything.</summary>
    public static SiloEngine Open(SiloSettings settings, SessionStore store) => new(settings, store);

    /// <summary>Registers what the grains need.</summary>
    public void Register(IServiceCollection services)
    {
        services.AddSingleton(Loop).AddSingleton(_log);
        services.AddSingleton(new EngineHostSettings(_name, new SessionOptions(), new PictureLimits()));
        services.AddSingleton<IEngineHost, EngineHost>();
        services.AddSingleton<IShardHost>(_indexes);
    }

    /// <summary>Searches leave through the cluster from now on.</summary>
    public void Started(IServiceProvider services) =>
        _retriever.Become(new GrainRetriever(services.GetRequiredService<IGrainFactory>()));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _log.Dispose();
        await Loop.DisposeAsync();
        _indexes.Dispose();
        _model.Dispose();
        _backend.Dispose();
    }

    /// <summary>The engine exists before the silo that it searches through.</summary>
    private sealed class LateRetriever : IRetriever
    {
        private volatile IRetriever? _inner;

        public void Become(IRetriever inner) => _inner = inner;

        public ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation) =>
            _inner is { } inner
                ? inner.SearchAsync(query, cancellation)
                : throw new PixException(PixErrorKind.Unavailable, "The silo is still joining its cluster.");
    }
}
