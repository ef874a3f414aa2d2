using Npgsql;
using PixSearch.Cluster.Tests;
using PixSearch.Grains.Storage;
using PixSearch.Imaging;
using PixSearch.Models.Families;
using PixSearch.Models.Plum;
using PixSearch.Models.Tests.Families;
using PixSearch.Models.Tokenizers;
using PixSearch.Models.Weights;
using PixSearch.Retrieval;
using PixSearch.Tensors;

namespace PixSearch.Cluster.Processes;

/// <summary>
/// Three silos, a gateway and PostgreSQL, each a process of its own on loopback, with TLS between them. Silos serve a
/// small random model that rehearses: forward passes are real, answers repeat their question.
/// </summary>
public sealed class ClusterFixture : IAsyncLifetime
{
    private const int SiloCount = 3;
    private const int StartsMax = 6;

    private readonly string _folder = Directory.CreateTempSubdirectory("pixsearch-cluster-").FullName;
    private readonly List<ClusterProcess> _silos = [];
    private ClusterProcess? _gateway;
    private int _started;

    internal string ModelsFolder => Path.Combine(_folder, "models");

    internal PostgresServer Postgres { get; private set; } = null!;

    internal NpgsqlDataSource Database { get; private set; } = null!;

    internal Authority Authority { get; private set; } = null!;

    internal ClusterClient Client { get; private set; } = null!;

    internal Journal Journal { get; } = new();

    internal IReadOnlyList<ClusterProcess> Silos => _silos;

    public async Task InitializeAsync()
    {
        if (!ClusterFactAttribute.WantsLiveSilos)
        {
            return;
        }

        // The server notices within a fifth of a second that a killed client waits for nothing any more.
        Postgres = PostgresServer.Create("-c client_connection_check_interval=200");
        Database = NpgsqlDataSource.Create(Postgres.ConnectionString);
        await new SessionStore(Database).InitializeAsync(default);
        await CommitGate.InstallAsync(Database);
        Authority = new Authority(Path.Combine(_folder, "tls"));
        WriteModel(Path.Combine(_folder, "models", "tiny"));
        WriteIndex(Path.Combine(_folder, "harbours"));
        await RestoreAsync();
        _gateway = await StartAsync("gateway");
        Client = new ClusterClient(_gateway.Grpc!, Journal);

        // The first searches open the index on each silo and may be late; later ones must not be.
        await Task.WhenAll(Enumerable.Range(0, 2 * SiloCount)
            .Select(i => Client.AnswerAsync(ClusterClient.Question($"warm {i}"))));
    }

    /// <summary>Starts silos until there are three again.</summary>
    internal async Task RestoreAsync()
    {
        foreach (ClusterProcess ended in _silos.Where(silo => silo.HasExited).ToArray())
        {
            _silos.Remove(ended);
            ended.Dispose();
        }

        // One after the other: three at once starve each other's first seconds on two cores.
        while (_silos.Count < SiloCount)
        {
            _silos.Add(await StartSiloAsync());
        }
    }

    /// <summary>On a starved machine the others may vote a silo out while it starts; whoever runs silos starts it
    /// again.</summary>
    private async Task<ClusterProcess> StartSiloAsync()
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await StartAsync("silo");
            }
            catch (InvalidOperationException) when (attempt < StartsMax)
            {
                Journal.Note("cluster", "a silo ended while it started; another is started");
            }
        }
    }

    /// <summary>A process of this cluster that is ready.</summary>
    /// <param name="role">silo, gateway or all.</param>
    /// <param name="others">Settings that differ from those of the cluster.</param>
    internal Task<ClusterProcess> StartAsync(string role, IReadOnlyDictionary<string, string>? others = null)
    {
        (string name, Dictionary<string, string> settings) = Settings(role, Authority, others);
        return ClusterProcess.StartAsync(name, role, settings, Journal);
    }

    /// <summary>A process that trusts this cluster, and whose certificate is by another authority.</summary>
    internal ClusterProcess BeginForeign(string role, Authority issuer)
    {
        (string name, Dictionary<string, string> settings) = Settings(role, issuer, null);
        return ClusterProcess.Begin(name, role, settings, Journal);
    }

    private (string Name, Dictionary<string, string> Settings) Settings(string role, Authority issuer,
        IReadOnlyDictionary<string, string>? others)
    {
        string name = $"{role}-{Interlocked.Increment(ref _started)}";
        var settings = new Dictionary<string, string>(issuer.Issue(name, Authority))
        {
            ["CLUSTERID"] = "test",
            ["POSTGRES"] = $"{Postgres.ConnectionString};Application Name={name}",
            ["MODELS"] = ModelsFolder,
            ["DEFAULTMODEL"] = "tiny",
            ["INDEXES"] = Path.Combine(_folder, "harbours"),
            ["LISTENADDRESS"] = "127.0.0.1",
            ["REHEARSAL"] = "true",
        };
        foreach ((string key, string value) in others ?? new Dictionary<string, string>())
        {
            settings[key] = value;
        }

        return (name, settings);
    }

    /// <summary>The first value of a query with at most one argument.</summary>
    internal async Task<object?> ScalarAsync(string text, string? argument = null)
    {
        await using NpgsqlCommand command = Database.CreateCommand(text);
        if (argument is not null)
        {
            command.Parameters.Add(new() { Value = argument });
        }

        return await command.ExecuteScalarAsync();
    }

    /// <summary>How often sessions with a question were claimed, the most of any.</summary>
    internal async Task<long> EpochAsync(string question) => (long)(await ScalarAsync(
        "SELECT max(epoch) FROM pix_session WHERE request ->> 'question' = $1", question))!;

    internal ClusterProcess Silo(string name) => _silos.Single(silo => silo.Name == name);

    public async Task DisposeAsync()
    {
        Client?.Dispose();
        foreach (ClusterProcess process in _silos.Append(_gateway).OfType<ClusterProcess>())
        {
            process.Dispose();
        }

        if (Database is not null)
        {
            await Database.DisposeAsync();
        }

        Postgres?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static void WriteModel(string folder)
    {
        PixSearchConfig config = TinyModels.PixSearch(TinyModels.VocabularySize);
        config = config with { TextConfig = config.TextConfig with { MaxPositionEmbeddings = 1024 } };
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, ModelFolder.TokenizerFile),
            TinyModels.TokenizerJson(BpeTrainer.PixSearchTokens));
        using IBackend backend = CpuBackend.Create();
        using var weights = new WeightStore(new RandomWeights(backend, 21));
        _ = new PixSearchNetwork(weights, config);
        ModelFolder.Save(config.ToJson(), weights, folder, Models.Checkpoints.ElementType.F32);
    }

    private void WriteIndex(string folder)
    {
        string source = Directory.CreateDirectory(Path.Combine(_folder, "knowledge")).FullName;
        File.WriteAllLines(Path.Combine(source, KnowledgeBase.DocumentsFile),
        [
            """{"id": "1", "title": "Gdansk", "text": "A harbour with a famous crane."}""",
            """{"id": "2", "title": "Bergen", "text": "A harbour with wooden houses."}""",
        ]);
        new IndexBuilder(null, _ => throw new InvalidOperationException("There are no pictures."))
            .Build(new KnowledgeBase(source), folder);
    }
}

/// <summary>One cluster for all classes: starting it takes longer than most tests.</summary>
[CollectionDefinition(nameof(ClusterCollection))]
public sealed class ClusterCollection : ICollectionFixture<ClusterFixture>;
