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

    // The store removes pictures that nobody has sent for a while: one that is known here is marked as sent once a
    // minute.
    private static readonly TimeSpan s_freshness = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, byte[]> _pictures = new();
    private readonly ConcurrentDictionary<string, long> _sent = new();
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
        if (_sent.TryGetValue(hash, out long sent) && _time.GetElapsedTime(sent) < s_freshness)
        {
            return hash;
        }

        long now = _time.GetTimestamp();
        byte[] bytes = picture.ToArray();
        await PatientlyAsync(async () =>
        {
            // A picture that is there already is only marked: its bytes need not travel.
            await using NpgsqlCommand mark = database.CreateCommand(
                "UPDATE pix_picture SET created_at = now() WHERE hash = $1");
            mark.Parameters.Add(new() { Value = hash });
            if (await mark.ExecuteNonQueryAsync(cancellation) == 1)
            {
                return 0;
            }

            await using NpgsqlCommand command = database.CreateCommand("INSERT INTO pix_picture (hash, bytes) "
                + "VALUES ($1, $2) ON CONFLICT (hash) DO UPDATE SET created_at = now()");
            command.Parameters.Add(new() { Value = hash });
            command.Parameters.Add(new() { Value = bytes });
            return await command.ExecuteNonQueryAsync(cancellation);
        }, cancellation);
        Remember(hash, bytes);
        _sent[hash] = now;
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

    /// <summary>
    /// Takes ownership for an engine from the one that claimed it last (empty for none, null for whichever): raises the
    /// epoch and returns everything. Null when there is no such session, or another engine has it.
    /// </summary>
    public Task<StoredSession?> ClaimAsync(string id, string engine, string? from, CancellationToken cancellation)
    {
        // A claim whose answer was lost has made this engine the last one.
        string[]? owners = from is null ? null : [from];
        return PatientlyAsync(async () =>
        {
            string[]? last = owners;
            owners = from is null ? null : [from, engine];
            return await ClaimOnceAsync(id, engine, last, cancellation);
        }, cancellation);
    }

    private async Task<StoredSession?> ClaimOnceAsync(string id, string engine, string[]? last,
        CancellationToken cancellation)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(cancellation);
        await using var claim = new NpgsqlCommand(
            "UPDATE pix_session SET epoch = epoch + 1, engine = $2 WHERE id = $1 AND ($3 IS NULL OR engine = ANY($3)) "
            + "RETURNING epoch, request, picture_hash, over", connection);
        claim.Parameters.Add(new() { Value = id });
        claim.Parameters.Add(new() { Value = engine });
        claim.Parameters.Add(new()
        {
            Value = (object?)last ?? DBNull.Value,
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text,
        });
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

        // Nobody has written before the first claim.
        var entries = new List<string>();
        int position = 0;
        if (epoch > 1)
        {
            position = await FenceAsync(connection, id, epoch, cancellation) + 1;
            await using var read = new NpgsqlCommand("SELECT entry FROM pix_session_entry "
                + "WHERE session_id = $1 AND entry IS NOT NULL ORDER BY position", connection);
            read.Parameters.Add(new() { Value = id });
            await using NpgsqlDataReader row = await read.ExecuteReaderAsync(cancellation);
            while (await row.ReadAsync(cancellation))
            {
                entries.Add(row.GetString(0));
            }
        }

        AnswerRequest answer = JsonSerializer.Deserialize<AnswerRequest>(request, s_json)!;
        return new StoredSession(id, epoch, answer with { Picture = await GetPictureAsync(hash, cancellation) },
            entries, position, over);
    }

    /// <summary>
    /// Takes the position at which the last owner would write next; returns it. Whoever claimed the session in between
    /// is its owner, and this claim is void.
    /// </summary>
    private static async Task<int> FenceAsync(NpgsqlConnection connection, string id, long epoch,
        CancellationToken cancellation)
    {
        while (true)
        {
            // Not in the claim's own transaction: the last owner's append may wait for the claimed row and be waited
            // for here. Its statement may take the position first; then the fence goes behind what it wrote.
            await using var fence = new NpgsqlCommand("""
                WITH own AS (SELECT epoch = $2 AS still FROM pix_session WHERE id = $1),
                placed AS (
                    INSERT INTO pix_session_entry (session_id, position, epoch, entry)
                    SELECT $1, 1 + coalesce((SELECT max(position) FROM pix_session_entry WHERE session_id = $1), -1),
                        $2, NULL
                    FROM own WHERE own.still
                    ON CONFLICT (session_id, position) DO NOTHING RETURNING position)
                SELECT (SELECT still FROM own), (SELECT position FROM placed)
                """, connection);
            fence.Parameters.Add(new() { Value = id });
            fence.Parameters.Add(new() { Value = epoch });
            await using NpgsqlDataReader row = await fence.ExecuteReaderAsync(cancellation);
            await row.ReadAsync(cancellation);
            if (!row.GetBoolean(0))
            {
                throw new PixException(PixErrorKind.Unavailable, $"Session '{id}' was claimed by another engine.");
            }

            if (!row.IsDBNull(1))
            {
                return row.GetInt32(1);
            }
        }
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
    /// <remarks>
    /// The fence is the table's own key: whoever claims a session takes the position at which its last owner would go
    /// on, so that a plain insert fails, whole, when one of its sessions has been claimed. Only then is it asked which.
    /// </remarks>
    public async Task<IReadOnlyList<string>> AppendAsync(IReadOnlyList<EntryWrite> writes)
    {
        if (writes.Count == 0)
        {
            return [];
        }

        try
        {
            return await AppendOwnAsync(writes);
        }
        catch (PostgresException error) when (error.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return await AppendCheckedAsync(writes);
        }
    }

    private async Task<IReadOnlyList<string>> AppendOwnAsync(IReadOnlyList<EntryWrite> writes)
    {
        // Two statements' texts, since only every few steps end a session.
        const string Insert = """
            INSERT INTO pix_session_entry (session_id, position, epoch, entry)
            SELECT session_id, position, epoch, entry
            FROM unnest($1::text[], $2::bigint[], $3::int[], $4::json[]) AS t (session_id, epoch, position, entry)
            WHERE entry IS NOT NULL
            """;
        const string InsertAndEnd = $"""
            WITH added AS ({Insert}),
            last AS (SELECT session_id, epoch FROM unnest($1::text[], $2::bigint[], $5::bool[])
                AS t (session_id, epoch, last) WHERE last),
            ended AS (
                UPDATE pix_session s SET over = true FROM last
                WHERE s.id = last.session_id AND s.epoch = last.epoch RETURNING s.id)
            SELECT session_id FROM last WHERE session_id NOT IN (SELECT id FROM ended)
            """;
        bool ends = writes.Any(write => write.Last);
        await using NpgsqlCommand command = database.CreateCommand(ends ? InsertAndEnd : Insert);
        AddColumns(command, writes, ends);
        return await ReadNamesAsync(command);
    }

    private async Task<IReadOnlyList<string>> AppendCheckedAsync(IReadOnlyList<EntryWrite> writes)
    {
        // What is there already was written by the same owner, whose answer got lost; or the session is not its own.
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
        AddColumns(command, writes, ends: true);
        return await ReadNamesAsync(command);
    }

    private static void AddColumns(NpgsqlCommand command, IReadOnlyList<EntryWrite> writes, bool ends)
    {
        command.Parameters.Add(new() { Value = writes.Select(write => write.SessionId).ToArray() });
        command.Parameters.Add(new() { Value = writes.Select(write => write.Epoch).ToArray() });
        command.Parameters.Add(new() { Value = writes.Select(write => write.Position).ToArray() });
        command.Parameters.Add(new()
        {
            Value = writes.Select(write => write.Entry).ToArray(),
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Json,
        });
        if (ends)
        {
            command.Parameters.Add(new() { Value = writes.Select(write => write.Last).ToArray() });
        }
    }

    private static async Task<IReadOnlyList<string>> ReadNamesAsync(NpgsqlCommand command)
    {
        var names = new List<string>();
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
        {
            names.Add(row.GetString(0));
        }

        return names;
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
            _sent.TryRemove(oldest, out _);
        }

        _pictures[hash] = bytes;
    }
}

/// <summary>One input to append. <paramref name="Entry"/> null with <paramref name="Last"/> only marks the session
/// as over.</summary>
public readonly record struct EntryWrite(string SessionId, long Epoch, int Position, string? Entry, bool Last);
