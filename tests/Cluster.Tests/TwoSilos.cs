using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Orleans.Runtime;
using Orleans.TestingHost;
using PixSearch.Grains;
using PixSearch.Grains.Contracts;
using PixSearch.Grains.Placement;
using PixSearch.Grains.Storage;

namespace PixSearch.Cluster.Tests;

/// <summary>Two real silos in this process with doubles of engines and indexes, over a real PostgreSQL.</summary>
public sealed class TwoSilos : IAsyncLifetime
{
    private PostgresServer? _server;
    private NpgsqlDataSource? _database;
    private InProcessTestCluster? _cluster;

    internal IGrainFactory Grains => _cluster!.Client;

    internal SessionStore Store { get; private set; } = null!;

    internal ClusterAnswerService Answers => new(Grains, Store, TimeProvider.System);

    internal EngineDouble[] Engines { get; private set; } = [];

    internal ShardDouble[] Shards { get; private set; } = [];

    public async Task InitializeAsync()
    {
        if (PostgresServer.FindBinaries() is null)
        {
            return;
        }

        _server = PostgresServer.Create();
        _database = NpgsqlDataSource.Create(_server.ConnectionString);
        Store = new SessionStore(_database);
        await Store.InitializeAsync(default);
        var builder = new InProcessTestClusterBuilder(2);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddPixSearchGrains(new RetentionSettings(TimeSpan.FromHours(1)));
            silo.Services.AddSingleton(_database).AddSingleton(Store);
            silo.Services.AddSingleton<IEngineHost>(services =>
                new EngineDouble(services.GetRequiredService<ILocalSiloDetails>().SiloAddress.ToParsableString()));
            silo.Services.AddSingleton<IShardHost, ShardDouble>();
        });
        _cluster = builder.Build();
        await _cluster.DeployAsync();
        IServiceProvider[] silos = [.. _cluster.Silos.Select(silo => silo.ServiceProvider)];
        Engines = [.. silos.Select(silo => (EngineDouble)silo.GetRequiredService<IEngineHost>())];
        Shards = [.. silos.Select(silo => (ShardDouble)silo.GetRequiredService<IShardHost>())];
    }

    /// <summary>What the two engines report from now on, known to both silos at once.</summary>
    internal async Task ReportAsync(Func<EngineReport, EngineReport> first, Func<EngineReport, EngineReport> second)
    {
        Engines[0].Set(first);
        Engines[1].Set(second);

        // The board keeps the newest report of each silo; then the publishers can only repeat what is set here.
        ILoadBoardGrain board = Grains.GetGrain<ILoadBoardGrain>(0);
        EngineReport[] reports = [];
        foreach (EngineDouble engine in Engines)
        {
            reports = await board.ExchangeAsync(await engine.ReportAsync());
        }

        foreach (InProcessSiloHandle silo in _cluster!.Silos)
        {
            silo.ServiceProvider.GetRequiredService<LoadView>().Replace(reports);
        }
    }

    public async Task DisposeAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }

        if (_database is not null)
        {
            await _database.DisposeAsync();
        }

        _server?.Dispose();
    }
}

/// <summary>One pair of silos for all classes.</summary>
[CollectionDefinition(nameof(TwoSilosCollection))]
public sealed class TwoSilosCollection : ICollectionFixture<TwoSilos>;
