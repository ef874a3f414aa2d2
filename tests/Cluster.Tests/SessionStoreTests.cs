using Npgsql;
using PixSearch.Abstractions;
using PixSearch.Grains;
using PixSearch.Grains.Storage;

namespace PixSearch.Cluster.Tests;

/// <summary>Goal: the store never lets two owners of a session write, on a real PostgreSQL.</summary>
public sealed class SessionStoreTests : IClassFixture<SessionStoreTests.Fixture>
{
    private const string Engine = "S127.0.0.1:11111:1";

    private readonly SessionStore _store;

    public SessionStoreTests(Fixture fixture) => _store = fixture.Store;

    [ClusterFact]
    public async Task Initialize_Again_ChangesNothing()
    {
        await _store.InitializeAsync(default);
        await _store.InitializeAsync(default);
    }

    [ClusterFact]
    public async Task Append_AfterAnotherClaim_IsRefusedWhole()
    {
        string id = await CreateAsync();
        StoredSession first = (await _store.ClaimAsync(id, Engine, default))!;
        Assert.Empty(await _store.AppendAsync([new(id, first.Epoch, 0, """{"a": 1}""", false)]));

        Assert.Equal(Engine, await _store.FindEngineAsync(id, default));
        StoredSession second = (await _store.ClaimAsync(id, Engine, default))!;
        Assert.Equal(first.Epoch + 1, second.Epoch);
        Assert.Equal(["""{"a": 1}"""], second.Entries);

        EntryWrite[] stale = [new(id, first.Epoch, 1, """{"b": 2}""", false), new(id, first.Epoch, 2, null, true)];
        Assert.Equal([id], await _store.AppendAsync(stale));
        StoredSession third = (await _store.ClaimAsync(id, Engine, default))!;
        Assert.Single(third.Entries);
        Assert.False(third.Over);
    }

    [ClusterFact]
    public async Task Append_OneLostAmongMany_OthersAreWritten()
    {
        string lost = await CreateAsync();
        string kept = await CreateAsync();
        StoredSession old = (await _store.ClaimAsync(lost, Engine, default))!;
        StoredSession good = (await _store.ClaimAsync(kept, Engine, default))!;
        await _store.ClaimAsync(lost, Engine, default);

        IReadOnlyList<string> answer = await _store.AppendAsync(
            [new(lost, old.Epoch, 0, """{"x": 1}""", false), new(kept, good.Epoch, 0, """{"y": 1}""", true)]);

        Assert.Equal([lost], answer);
        Assert.Empty((await _store.ClaimAsync(lost, Engine, default))!.Entries);
        Assert.True((await _store.FindAsync(kept, default))!.Over);
    }

    [ClusterFact]
    public async Task Claim_Picture_ComesBackAsItWas()
    {
        byte[] picture = [1, 2, 3, 250];
        string hash = await _store.PutPictureAsync(picture, default);
        Assert.Equal(hash, await _store.PutPictureAsync(picture, default));
        string id = Guid.NewGuid().ToString("N");
        Assert.True(await _store.CreateAsync(id, Request() with { Tenant = "acme" }, hash, default));
        Assert.False(await _store.CreateAsync(id, Request(), hash, default));

        StoredSession session = (await _store.ClaimAsync(id, Engine, default))!;
        Assert.Equal(picture, session.Request.Picture.ToArray());
        Assert.Equal("acme", session.Request.Tenant);
        Assert.Equal(new SessionInfo("acme", "", false), await _store.FindAsync(id, default));
    }

    [ClusterFact]
    public async Task Claim_Unknown_IsNull() => Assert.Null(await _store.ClaimAsync("nobody", Engine, default));

    private static AnswerRequest Request() => new() { Question = "What is this?" };

    private async Task<string> CreateAsync()
    {
        string id = Guid.NewGuid().ToString("N");
        await _store.CreateAsync(id, Request(), "", default);
        return id;
    }

    public sealed class Fixture : IAsyncLifetime
    {
        private PostgresServer? _server;
        private NpgsqlDataSource? _database;

        public SessionStore Store { get; private set; } = null!;

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
        }

        public async Task DisposeAsync()
        {
            if (_database is not null)
            {
                await _database.DisposeAsync();
            }

            _server?.Dispose();
        }
    }
}
