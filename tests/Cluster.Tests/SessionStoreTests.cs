using System.Collections.Concurrent;
using Npgsql;
using PixSearch.Abstractions;
using PixSearch.Grains;
using PixSearch.Grains.Storage;
using PixSearch.Inference.Toys;

namespace PixSearch.Cluster.Tests;

/// <summary>Goal: the store never lets two owners of a session write, on a real PostgreSQL.</summary>
public sealed class SessionStoreTests : IClassFixture<SessionStoreTests.Fixture>
{
    private const string Engine = "S127.0.0.1:11111:1";

    private readonly SessionStore _store;
    private readonly NpgsqlDataSource _database;

    public SessionStoreTests(Fixture fixture) => (_store, _database) = (fixture.Store, fixture.Database);

    [ClusterFact]
    public async Task Initialize_Again_ChangesNothing()
    {
        await _store.InitializeAsync(default);
        await _store.InitializeAsync(default);
    }

    [ClusterFact]
    public async Task Initialize_TablesOfAnEarlierVersion_KeepsWhatIsInThem()
    {
        await using NpgsqlCommand tables = _database.CreateCommand("""
            CREATE SCHEMA earlier;
            CREATE TABLE earlier.pix_session (id text PRIMARY KEY, epoch bigint NOT NULL DEFAULT 0,
                tenant text NOT NULL, model text NOT NULL, request jsonb NOT NULL, picture_hash text NOT NULL,
                entries integer NOT NULL DEFAULT 0, over boolean NOT NULL DEFAULT false,
                created_at timestamptz NOT NULL DEFAULT now());
            CREATE TABLE earlier.pix_session_entry (session_id text NOT NULL
                REFERENCES earlier.pix_session (id) ON DELETE CASCADE, position integer NOT NULL, epoch bigint NOT NULL,
                entry json NOT NULL, PRIMARY KEY (session_id, position));
            INSERT INTO earlier.pix_session (id, epoch, tenant, model, request, picture_hash)
                VALUES ('old', 4, 'acme', 'm', '{"question": "What is this?"}', '');
            INSERT INTO earlier.pix_session_entry VALUES ('old', 0, 4, '{"a": 1}'), ('old', 1, 4, '{"b": 2}');
            """);
        await tables.ExecuteNonQueryAsync();
        await using NpgsqlDataSource earlier = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(_database.ConnectionString) { SearchPath = "earlier" });
        var store = new SessionStore(earlier);
        await store.InitializeAsync(default);

        StoredSession session = (await store.ClaimAsync("old", Engine, from: null, default))!;
        Assert.Equal(["""{"a": 1}""", """{"b": 2}"""], session.Entries);
        Assert.Equal((5, 3), (session.Epoch, session.Position));
        Assert.Empty(await store.AppendAsync([new("old", 5, 3, """{"c": 3}""", true)]));
        Assert.True((await store.FindAsync("old", default))!.Over);
    }

    [ClusterFact]
    public async Task Append_AnswerThatGotLost_IsWrittenOnce()
    {
        string id = await CreateAsync();
        StoredSession owner = (await _store.ClaimAsync(id, Engine, from: null, default))!;
        EntryWrite[] writes =
            [new(id, owner.Epoch, 0, """{"a": 1}""", false), new(id, owner.Epoch, 1, """{"b": 2}""", true)];
        Assert.Empty(await _store.AppendAsync(writes));
        Assert.Empty(await _store.AppendAsync(writes));
        StoredSession next = (await _store.ClaimAsync(id, Engine, from: null, default))!;
        Assert.Equal(["""{"a": 1}""", """{"b": 2}"""], next.Entries);
        Assert.Equal((2, 3, true), (next.Epoch, next.Position, next.Over));
    }

    [ClusterFact]
    public async Task Claim_ManyAtOnceAndAppends_LogIsOneOwnersAtATime()
    {
        string id = await CreateAsync();
        var written = new ConcurrentQueue<string>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(owner => Task.Run(async () =>
        {
            for (int round = 0; round < 10; round++)
            {
                StoredSession session;
                try
                {
                    session = (await _store.ClaimAsync(id, Engine, from: null, default))!;
                }
                catch (PixException error) when (error.Kind == PixErrorKind.Unavailable)
                {
                    continue;
                }

                for (int i = 0; i < 3; i++)
                {
                    string entry = $$"""{"by": {{session.Epoch}}, "after": {{session.Entries.Count + i}}}""";
                    var write = new EntryWrite(id, session.Epoch, session.Position + i, entry, false);
                    if ((await _store.AppendAsync([write])).Count > 0)
                    {
                        break;
                    }

                    written.Enqueue(entry);
                }
            }
        })));

        // Whoever was told that an entry is written finds it in the log, behind exactly what its owner knew of.
        StoredSession last = (await _store.ClaimAsync(id, Engine, from: null, default))!;
        Assert.Equal(written.Order(), last.Entries.Order());
        Assert.All(last.Entries.Select((entry, at) => (entry, at)),
            pair => Assert.EndsWith($"\"after\": {pair.at}}}", pair.entry));
    }

    [ClusterFact]
    public async Task Append_AfterAnotherClaim_IsRefusedWhole()
    {
        string id = await CreateAsync();
        StoredSession first = (await _store.ClaimAsync(id, Engine, from: null, default))!;
        Assert.Empty(await _store.AppendAsync([new(id, first.Epoch, 0, """{"a": 1}""", false)]));

        Assert.Equal(Engine, await _store.FindEngineAsync(id, default));
        StoredSession second = (await _store.ClaimAsync(id, Engine, from: null, default))!;
        Assert.Equal(first.Epoch + 1, second.Epoch);
        Assert.Equal(["""{"a": 1}"""], second.Entries);

        EntryWrite[] stale = [new(id, first.Epoch, 1, """{"b": 2}""", false), new(id, first.Epoch, 2, null, true)];
        Assert.Equal([id], await _store.AppendAsync(stale));
        StoredSession third = (await _store.ClaimAsync(id, Engine, from: null, default))!;
        Assert.Single(third.Entries);
        Assert.False(third.Over);
    }

    [ClusterFact]
    public async Task Append_OneLostAmongMany_OthersAreWritten()
    {
        string lost = await CreateAsync();
        string kept = await CreateAsync();
        StoredSession old = (await _store.ClaimAsync(lost, Engine, from: null, default))!;
        StoredSession good = (await _store.ClaimAsync(kept, Engine, from: null, default))!;
        await _store.ClaimAsync(lost, Engine, from: null, default);

        IReadOnlyList<string> answer = await _store.AppendAsync(
            [new(lost, old.Epoch, 0, """{"x": 1}""", false), new(kept, good.Epoch, 0, """{"y": 1}""", true)]);

        Assert.Equal([lost], answer);
        Assert.Empty((await _store.ClaimAsync(lost, Engine, from: null, default))!.Entries);
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

        StoredSession session = (await _store.ClaimAsync(id, Engine, from: null, default))!;
        Assert.Equal(picture, session.Request.Picture.ToArray());
        Assert.Equal("acme", session.Request.Tenant);
        Assert.Equal(new SessionInfo("acme", "", false), await _store.FindAsync(id, default));
    }

    [ClusterFact]
    public async Task Claim_FromAnotherThanTheLast_IsNull()
    {
        string id = await CreateAsync();
        Assert.Null(await _store.ClaimAsync(id, "B", from: "A", default));
        Assert.Equal(1, (await _store.ClaimAsync(id, "A", from: "", default))!.Epoch);
        Assert.Null(await _store.ClaimAsync(id, "A", from: "", default));
        Assert.Equal(2, (await _store.ClaimAsync(id, "B", from: "A", default))!.Epoch);
        Assert.Null(await _store.ClaimAsync(id, "C", from: "A", default));
        Assert.Equal("B", await _store.FindEngineAsync(id, default));
    }

    [ClusterFact]
    public async Task Claim_Unknown_IsNull() =>
        Assert.Null(await _store.ClaimAsync("nobody", Engine, from: null, default));

    [ClusterFact]
    public async Task Forget_OldRows_GoWithAllThatBelongsToThem()
    {
        byte[] shown = [1, 2, 3];
        byte[] alone = [4, 5, 6];
        string kept = await _store.PutPictureAsync(shown, default);
        string left = await _store.PutPictureAsync(alone, default);
        string old = await CreateAsync();
        string young = Guid.NewGuid().ToString("N");
        await _store.CreateAsync(young, Request(), kept, default);
        StoredSession owner = (await _store.ClaimAsync(old, Engine, from: null, default))!;
        Assert.Empty(await _store.AppendAsync([new(old, owner.Epoch, 0, """{"a": 1}""", true)]));
        await ExecuteAsync($"""
            UPDATE pix_session SET created_at = now() - interval '2 hours' WHERE id = '{old}';
            UPDATE pix_picture SET created_at = now() - interval '2 hours' WHERE hash IN ('{kept}', '{left}');
            INSERT INTO pix_ledger (tenant, spent) VALUES ('forgetful', 5);
            INSERT INTO pix_reservation (tenant, id, amount, used, created_at) VALUES
                ('forgetful', 'settled', 10, 7, now() - interval '2 hours'),
                ('forgetful', 'lost', 20, NULL, now() - interval '2 hours'),
                ('forgetful', 'new', 40, NULL, now());
            """);
        var retention = new SessionRetention(_database);
        Forgotten gone = await retention.ForgetAsync(DateTimeOffset.UtcNow - TimeSpan.FromHours(1), default);

        Assert.Equal(new Forgotten(1, 1, 2), gone);
        Assert.Null(await _store.FindAsync(old, default));
        Assert.NotNull(await _store.FindAsync(young, default));
        Assert.Equal(0L, await ExecuteAsync($"SELECT count(*) FROM pix_session_entry WHERE session_id = '{old}'"));
        Assert.Equal(1L, await ExecuteAsync($"SELECT count(*) FROM pix_picture WHERE hash = '{kept}'"));
        Assert.Equal(0L, await ExecuteAsync($"SELECT count(*) FROM pix_picture WHERE hash = '{left}'"));
        Assert.Equal(25L, await ExecuteAsync("SELECT spent FROM pix_ledger WHERE tenant = 'forgetful'"));
        Assert.Equal("new", await ExecuteAsync("SELECT id FROM pix_reservation WHERE tenant = 'forgetful'"));
        Assert.Equal(default, await retention.ForgetAsync(DateTimeOffset.UtcNow - TimeSpan.FromHours(1), default));
    }

    [ClusterFact]
    public async Task PutPicture_RemovedMeanwhile_IsThereAgainAfterAMinute()
    {
        var time = new ManualTime();
        var store = new SessionStore(_database, time);
        byte[] picture = [7, 8, 9];
        string hash = await store.PutPictureAsync(picture, default);
        await ExecuteAsync($"DELETE FROM pix_picture WHERE hash = '{hash}'");
        time.Advance(TimeSpan.FromMinutes(1));
        await store.PutPictureAsync(picture, default);

        Assert.Equal(picture, await ExecuteAsync($"SELECT bytes FROM pix_picture WHERE hash = '{hash}'"));
    }

    private async Task<object?> ExecuteAsync(string statements)
    {
        await using NpgsqlCommand command = _database.CreateCommand(statements);
        return await command.ExecuteScalarAsync();
    }

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

        public NpgsqlDataSource Database { get; private set; } = null!;

        public SessionStore Store { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            if (PostgresServer.FindBinaries() is null)
            {
                return;
            }

            _server = PostgresServer.Create();
            Database = NpgsqlDataSource.Create(_server.ConnectionString);
            Store = new SessionStore(Database);
            await Store.InitializeAsync(default);
        }

        public async Task DisposeAsync()
        {
            if (Database is not null)
            {
                await Database.DisposeAsync();
            }

            _server?.Dispose();
        }
    }
}
