using System.Collections.Concurrent;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using PixSearch.Abstractions;
using PixSearch.Grains.Placement;
using PixSearch.Inference.Placement;

namespace PixSearch.Grains.Storage;

/// <summary>
/// Sessions in PostgreSQL. Every write names the epoch it was made under and is refused by the database when the
/// session has been claimed since: two activations, or a frozen silo that thaws, can never both write. While the
/// database is away, calls wait for it (<see cref="DatabaseOutage"/>), all but <see cref="AppendAsync"/>.
/// </summary>
public sealed class SessionStore(NpgsqlDataSource database, TimeProvider? time = null)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    // Pictures are asked for again when a session moves; a few recent ones save the round trip. Bounded by count: a
    // picture is
    // at most 32 MB, typical ones 0.1-2 MB.
    private const int PicturesMax = 32;

    private readonly ConcurrentDictionary<string, byte[]> _pictures = new();
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Creates the tables, or brings them up to date.</summary>
    public async Task InitializeAsync(CancellationToken cancellation)
    {
        await using Stream schema = typeof(SessionStore).Assembly.GetManifestResourceStream("schema.sql")!;
        using var reader = new StreamReader(schema);
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellation);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellation);

        // Silos that start together bring the tables up to date one after the other.
        await using (var alone = new NpgsqlCommand("SELECT pg_advisory_xact_lock(hashtext('pixsearch schema'))",
            connection, transaction))
        {
            await alone.ExecuteNonQueryAsync(cancellation);
        }

        // The stored statements hold @names: they must not be taken for parameters of this command.
        await using var command = new NpgsqlCommand(await reader.ReadToEndAsync(cancellation), connection, transaction);
        await command.ExecuteNonQueryAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }

    /// <summary>Stores a picture once; returns its hash.</summary>
    public async Task<string> PutPictureAsync(ReadOnlyMemory<byte> picture, CancellationToken cancellation)
    {
        if (picture.IsEmpty)
        {
            return "";
        }

        string hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(picture.Span));
        if (_pictures.ContainsKey(hash))
        {
            return hash;
        }

        byte[] bytes = picture.ToArray();
        await PatientlyAsync(async () =>
        {
            await using NpgsqlCommand command = database.CreateCommand(
                "INSERT INTO pix_picture (hash, bytes) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING");
            command.Parameters.Add(new() { Value = hash });
            command.Parameters.Add(new() { Value = bytes });
            return await command.ExecuteNonQueryAsync(cancellation);
        }, cancellation);
        Remember(hash, bytes);
        return hash;
    }

    /// <summary>Creates a session; false when the id exists already.</summary>
    public Task<bool> CreateAsync(string id, AnswerRequest request, string pictureHash,
        CancellationToken cancellation) =>
        PatientlyAsync(() => CreateOnceAsync(id, request, pictureHash, cancellation), cancellation);

    private async Task<bool> CreateOnceAsync(string id, AnswerRequest request, string pictureHash,
        CancellationToken cancellation)
    {
        await using NpgsqlCommand command = database.CreateCommand(
            "INSERT INTO pix_session (id, tenant, model, request, picture_hash) VALUES ($1, $2, $3, $4, $5) "
            + "ON CONFLICT DO NOTHING");
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = request.Tenant });
        command.Parameters.Add(new() { Value = request.Model });
        command.Parameters.Add(new()
        {
            Value = JsonSerializer.Serialize(request with { Picture = default }, s_json),
            NpgsqlDbType = NpgsqlDbType.Jsonb,
        });
        command.Parameters.Add(new() { Value = pictureHash });
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }

    /// <summary>Takes ownership for an engine: raises the epoch and returns everything. Null when there is no such
    /// session.</summary>
    public Task<StoredSession?> ClaimAsync(string id, string engine, CancellationToken cancellation) =>
        PatientlyAsync(() => ClaimOnceAsync(id, engine, cancellation), cancellation);

    private async Task<StoredSession?> ClaimOnceAsync(string id, string engine, CancellationToken cancellation)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellation);
        await using var claim = new NpgsqlCommand(
            "UPDATE pix_session SET epoch = epoch + 1, engine = $2 WHERE id = $1 "
            + "RETURNING epoch, request, picture_hash, over", connection);
        claim.Parameters.Add(new() { Value = id });
        claim.Parameters.Add(new() { Value = engine });
        long epoch;
        string request, hash;
        bool over;
        await using (NpgsqlDataReader row = await claim.ExecuteReaderAsync(cancellation))
        {
            if (!await row.ReadAsync(cancellation))
            {
                return null;
            }

            (epoch, request, hash, over) = (row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetBoolean(3));
        }

        // Read after the claim: nobody else can append any more.
        await using var read = new NpgsqlCommand(
            "SELECT entry FROM pix_session_entry WHERE session_id = $1 ORDER BY position", connection);
        read.Parameters.Add(new() { Value = id });
        var entries = new List<string>();
        await using (NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellation))
        {
            while (await row.ReadAsync(cancellation))
            {
                entries.Add(row.GetString(0));
            }
        }

        AnswerRequest answer = JsonSerializer.Deserialize<AnswerRequest>(request, s_json)!;
        return new StoredSession(id, epoch, answer with { Picture = await GetPictureAsync(hash, cancellation) },
            entries, over);
    }

    /// <summary>Tenant, model and state of a session; null when there is none.</summary>
    public Task<SessionInfo?> FindAsync(string id, CancellationToken cancellation) =>
        PatientlyAsync(() => FindOnceAsync(id, cancellation), cancellation);

    private async Task<SessionInfo?> FindOnceAsync(string id, CancellationToken cancellation)
    {
        await using NpgsqlCommand command = database.CreateCommand(
            "SELECT tenant, model, over FROM pix_session WHERE id = $1");
        command.Parameters.Add(new() { Value = id });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation)
            ? new SessionInfo(row.GetString(0), row.GetString(1), row.GetBoolean(2))
            : null;
    }

    /// <summary>The engine that claimed a session last; empty for none, null when there is no session.</summary>
    public Task<string?> FindEngineAsync(string id, CancellationToken cancellation) => PatientlyAsync(async () =>
    {
        await using NpgsqlCommand command = database.CreateCommand("SELECT engine FROM pix_session WHERE id = $1");
        command.Parameters.Add(new() { Value = id });
        return (string?)await command.ExecuteScalarAsync(cancellation);
    }, cancellation);

    /// <summary>The account that a session is paid from, empty for none; null when there is no session.</summary>
    public Task<string?> FindAccountAsync(string id, CancellationToken cancellation) => PatientlyAsync(async () =>
    {
        await using NpgsqlCommand command = database.CreateCommand(
            "SELECT coalesce(request -> 'reservation' ->> 'account', '') FROM pix_session WHERE id = $1");
        command.Parameters.Add(new() { Value = id });
        return (string?)await command.ExecuteScalarAsync(cancellation);
    }, cancellation);

    /// <summary>What a stored session asks of an engine; null when there is none.</summary>
    public Task<EngineWish?> FindWishAsync(string id, CancellationToken cancellation) =>
        PatientlyAsync(() => FindWishOnceAsync(id, cancellation), cancellation);

    private async Task<EngineWish?> FindWishOnceAsync(string id, CancellationToken cancellation)
    {
        await using NpgsqlCommand command = database.CreateCommand(
            "SELECT request, picture_hash FROM pix_session WHERE id = $1");
        command.Parameters.Add(new() { Value = id });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation)
            ? EngineWishes.For(JsonSerializer.Deserialize<AnswerRequest>(row.GetString(0), s_json)!, row.GetString(1))
            : null;
    }

    /// <summary>
    /// Appends entries of many sessions in one statement. Returns the sessions whose epoch is no longer theirs:
    /// nothing of them was written, and their engine must drop them.
    /// </summary>
    public async Task<IReadOnlyList<string>> AppendAsync(IReadOnlyList<EntryWrite> writes)
    {
        if (writes.Count == 0)
        {
            return [];
        }

        await using NpgsqlCommand command = database.CreateCommand("""
            WITH given AS (
                SELECT * FROM unnest($1::text[], $2::bigint[], $3::int[], $4::json[], $5::bool[])
                    AS t (session_id, epoch, position, entry, last)),
            owned AS (
                SELECT s.id FROM pix_session s
                WHERE (s.id, s.epoch) IN (SELECT session_id, epoch FROM given) ORDER BY s.id FOR UPDATE),
            added AS (
                INSERT INTO pix_session_entry (session_id, position, epoch, entry)
                SELECT g.session_id, g.position, g.epoch, g.entry FROM given g JOIN owned o ON o.id = g.session_id
                WHERE g.entry IS NOT NULL
                ON CONFLICT (session_id, position) DO NOTHING),
            ended AS (
                UPDATE pix_session s SET over = true FROM given g JOIN owned o ON o.id = g.session_id
                WHERE g.last AND s.id = g.session_id AND s.epoch = g.epoch)
            SELECT DISTINCT session_id FROM given WHERE session_id NOT IN (SELECT id FROM owned)
            """);
        command.Parameters.Add(new() { Value = writes.Select(write => write.SessionId).ToArray() });
        command.Parameters.Add(new() { Value = writes.Select(write => write.Epoch).ToArray() });
        command.Parameters.Add(new() { Value = writes.Select(write => write.Position).ToArray() });
        command.Parameters.Add(new()
        {
            Value = writes.Select(write => write.Entry).ToArray(),
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Json,
        });
        command.Parameters.Add(new() { Value = writes.Select(write => write.Last).ToArray() });
        var lost = new List<string>();
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
        {
            lost.Add(row.GetString(0));
        }

        return lost;
    }

    private async Task<ReadOnlyMemory<byte>> GetPictureAsync(string hash, CancellationToken cancellation)
    {
        if (hash.Length == 0)
        {
            return default;
        }

        if (_pictures.TryGetValue(hash, out byte[]? known))
        {
            return known;
        }

        await using NpgsqlCommand command = database.CreateCommand("SELECT bytes FROM pix_picture WHERE hash = $1");
        command.Parameters.Add(new() { Value = hash });
        byte[] bytes = (byte[]?)await command.ExecuteScalarAsync(cancellation)
            ?? throw new PixException(PixErrorKind.BrokenArtifact,
                $"The picture {hash} of a session is not in the store.");
        Remember(hash, bytes);
        return bytes;
    }

    private Task<T> PatientlyAsync<T>(Func<Task<T>> statement, CancellationToken cancellation) =>
        DatabaseOutage.WaitAsync(statement, _time, cancellation);

    private void Remember(string hash, byte[] bytes)
    {
        if (_pictures.Count >= PicturesMax && _pictures.Keys.FirstOrDefault() is { } oldest)
        {
            _pictures.TryRemove(oldest, out _);
        }

        _pictures[hash] = bytes;
    }
}

/// <summary>One input to append. <paramref name="Entry"/> null with <paramref name="Last"/> only marks the session
/// as over.</summary>
public readonly record struct EntryWrite(string SessionId, long Epoch, int Position, string? Entry, bool Last);
