using System.Text.Json;
using Microsoft.Data.Sqlite;
using PixSearch.Abstractions;
using PixSearch.Inference.Engine;
using PixSearch.Inference.Sessions;
using PixSearch.Retrieval;

namespace PixSearch.Node;

/// <summary>A session as the store keeps it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Request">What was asked, picture included.</param>
/// <param name="Options">The settings it began with; they hold for the resumed session too.</param>
/// <param name="Entries">Its inputs so far.</param>
/// <param name="Over">Whether it has ended.</param>
public sealed record StoredSession(string Id, AnswerRequest Request, SessionOptions Options,
    IReadOnlyList<LogEntry> Entries,
    bool Over);

/// <summary>
/// Session logs in one SQLite file (write-ahead log, synchronous NORMAL: commits survive the death of the process; a
/// power cut may lose the last ones). Reading and writing are safe from several threads.
/// </summary>
public sealed class SessionStore : IDisposable
{
    private const string Schema = """
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = NORMAL;
        PRAGMA busy_timeout = 5000;
        CREATE TABLE IF NOT EXISTS session(
            id TEXT PRIMARY KEY, model TEXT NOT NULL, request TEXT NOT NULL, options TEXT NOT NULL, picture BLOB,
            created INTEGER NOT NULL, over INTEGER NOT NULL DEFAULT 0);
        CREATE INDEX IF NOT EXISTS session_open ON session(over, created);
        CREATE TABLE IF NOT EXISTS entry(
            session TEXT NOT NULL, sequence INTEGER NOT NULL, token INTEGER, payload TEXT,
            PRIMARY KEY(session, sequence)) WITHOUT ROWID;
        """;

    private readonly Lock _lock = new();
    private readonly SqliteConnection _connection;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, long> _next = [];
    private SqliteTransaction? _transaction;

    /// <summary>Opens or makes <c>sessions.db</c> in a folder.</summary>
    /// <exception cref="PixException">The folder cannot be made or the file is not a session store.</exception>
    public SessionStore(string directory, TimeProvider time)
    {
        _time = time;
        SqliteProvider.Use();
        string path = Path.Combine(directory, "sessions.db");
        try
        {
            Directory.CreateDirectory(directory);
            _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path }.ToString());
            _connection.Open();
            Execute(Schema);
        }
        catch (Exception error) when (error is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"The session store '{path}' cannot be opened: {error.Message}", error);
        }
    }

    /// <summary>The log of the sessions of one model, for its engine.</summary>
    public ISessionLog LogFor(string model) => new Log(this, model);

    /// <summary>Ids of sessions of a model that have not ended, oldest first.</summary>
    public IReadOnlyList<string> Unfinished(string model)
    {
        lock (_lock)
        {
            using SqliteCommand command =
                Command("SELECT id FROM session WHERE over = 0 AND model = $a ORDER BY created, id", model);
            using SqliteDataReader reader = command.ExecuteReader();
            var ids = new List<string>();
            while (reader.Read())
            {
                ids.Add(reader.GetString(0));
            }

            return ids;
        }
    }

    /// <summary>A session with all its inputs; null when there is none.</summary>
    public StoredSession? Find(string id)
    {
        lock (_lock)
        {
            using SqliteCommand command =
                Command("SELECT request, options, picture, over FROM session WHERE id = $a", id);
            using SqliteDataReader reader = command.ExecuteReader();
            if (!reader.Read())
            {
                return null;
            }

            byte[] picture = reader.IsDBNull(2) ? [] : reader.GetFieldValue<byte[]>(2);
            AnswerRequest request =
                JsonSerializer.Deserialize<AnswerRequest>(reader.GetString(0))! with { Picture = picture };
            SessionOptions options = JsonSerializer.Deserialize<SessionOptions>(reader.GetString(1))!;
            return new StoredSession(id, request, options, Entries(id), reader.GetInt64(3) != 0);
        }
    }

    /// <summary>Forgets sessions that ended and began longer ago than this.</summary>
    public int Trim(TimeSpan olderThan)
    {
        lock (_lock)
        {
            FlushLocked();
            long before = (_time.GetUtcNow() - olderThan).ToUnixTimeMilliseconds();
            using SqliteCommand entries = Command(
                "DELETE FROM entry WHERE session IN (SELECT id FROM session WHERE over = 1 AND created < $a)", before);
            entries.ExecuteNonQuery();
            using SqliteCommand sessions = Command("DELETE FROM session WHERE over = 1 AND created < $a", before);
            return sessions.ExecuteNonQuery();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            FlushLocked();
            _connection.Dispose();
        }
    }

    private List<LogEntry> Entries(string id)
    {
        using SqliteCommand command =
            Command("SELECT token, payload FROM entry WHERE session = $a ORDER BY sequence", id);
        using SqliteDataReader reader = command.ExecuteReader();
        var entries = new List<LogEntry>();
        while (reader.Read())
        {
            entries.Add(reader.IsDBNull(1)
                ? new TokenChosen(reader.GetInt32(0))
                : JsonSerializer.Deserialize<LogEntry>(reader.GetString(1))!);
        }

        _next[id] = entries.Count;
        return entries;
    }

    private void Begin(EngineRequest request, string model)
    {
        lock (_lock)
        {
            byte[] picture = request.Answer.Picture.ToArray();
            AnswerRequest bare = request.Answer with { Picture = default };
            using SqliteCommand command = Command(
                "INSERT INTO session(id, model, request, options, picture, created) VALUES($a, $b, $c, $d, $e, $f)",
                    request.Id,
                model, JsonSerializer.Serialize(bare), JsonSerializer.Serialize(request.Options),
                picture.Length == 0 ? null : picture, _time.GetUtcNow().ToUnixTimeMilliseconds());
            StartTransaction(command);
            command.ExecuteNonQuery();
            _next[request.Id] = 0;
        }
    }

    private void Append(string id, LogEntry entry)
    {
        lock (_lock)
        {
            long sequence = _next[id];
            object? token = entry is TokenChosen chosen ? chosen.Id : null;
            string? payload = token is null ? JsonSerializer.Serialize(entry) : null;
            using SqliteCommand command = Command(
                "INSERT INTO entry(session, sequence, token, payload) VALUES($a, $b, $c, $d)", id, sequence, token,
                    payload);
            StartTransaction(command);
            command.ExecuteNonQuery();
            _next[id] = sequence + 1;
        }
    }

    private void End(string id)
    {
        lock (_lock)
        {
            using SqliteCommand command = Command("UPDATE session SET over = 1 WHERE id = $a", id);
            StartTransaction(command);
            command.ExecuteNonQuery();
            _next.Remove(id);
        }
    }

    private void Flush()
    {
        lock (_lock)
        {
            FlushLocked();
        }
    }

    private void FlushLocked()
    {
        _transaction?.Commit();
        _transaction?.Dispose();
        _transaction = null;
    }

    /// <summary>One transaction for all that happens between two commits: one write to disk a step, whatever its
    /// sessions.</summary>
    private void StartTransaction(SqliteCommand command)
    {
        _transaction ??= _connection.BeginTransaction();
        command.Transaction = _transaction;
    }

    private void Execute(string sql)
    {
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private SqliteCommand Command(string sql, params ReadOnlySpan<object?> values)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = _transaction;
        for (int i = 0; i < values.Length; i++)
        {
            command.Parameters.AddWithValue($"${(char)('a' + i)}", values[i] ?? DBNull.Value);
        }

        return command;
    }

    private sealed class Log(SessionStore store, string model) : ISessionLog
    {
        public void Begin(EngineRequest request) => store.Begin(request, model);

        public void Append(string sessionId, LogEntry entry) => store.Append(sessionId, entry);

        public void End(string sessionId) => store.End(sessionId);

        public IReadOnlyList<string> Commit()
        {
            store.Flush();
            return [];
        }
    }
}
