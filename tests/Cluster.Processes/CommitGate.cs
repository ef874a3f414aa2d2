using Npgsql;

namespace PixSearch.Cluster.Processes;

/// <summary>
/// Holds an engine at an exact point of a session, with nothing but PostgreSQL: a trigger on the session log waits for
/// a lock of the test before it lets the chosen entry of a session's first owner in. What came before is durable and
/// shown; the entry itself is neither.
/// </summary>
internal sealed class CommitGate : IAsyncDisposable
{
    private const int Key = 20261127;

    private readonly NpgsqlDataSource _database;
    private readonly NpgsqlConnection _holder;

    private CommitGate(NpgsqlDataSource database, NpgsqlConnection holder) => (_database, _holder) = (database, holder);

    /// <summary>Installs the trigger; gates nothing yet.</summary>
    public static async Task InstallAsync(NpgsqlDataSource database)
    {
        await ExecuteAsync(database, $"""
            CREATE TABLE test_gate (question text NOT NULL, kind text NOT NULL, position int NOT NULL);
            CREATE FUNCTION test_gate() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.epoch = 1 AND EXISTS (
                    SELECT 1 FROM test_gate g JOIN pix_session s ON s.id = NEW.session_id
                    WHERE s.request ->> 'question' = g.question AND NEW.entry ->> 'type' = g.kind
                        AND NEW.position >= g.position) THEN
                    PERFORM pg_advisory_xact_lock_shared({Key});
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER test_gate BEFORE INSERT ON pix_session_entry
                FOR EACH ROW EXECUTE FUNCTION test_gate();
            """);
    }

    /// <summary>Closes the gate for the entries of a kind from a position on, of sessions that ask this.</summary>
    public static async Task<CommitGate> CloseAsync(NpgsqlDataSource database, string question, string kind,
        int position = 0)
    {
        NpgsqlConnection holder = await database.OpenConnectionAsync();
        await using var hold = new NpgsqlCommand($"SELECT pg_advisory_lock({Key})", holder);
        await hold.ExecuteNonQueryAsync();
        await using NpgsqlCommand add = database.CreateCommand("INSERT INTO test_gate VALUES ($1, $2, $3)");
        add.Parameters.Add(new() { Value = question });
        add.Parameters.Add(new() { Value = kind });
        add.Parameters.Add(new() { Value = position });
        await add.ExecuteNonQueryAsync();
        return new CommitGate(database, holder);
    }

    /// <summary>Waits until an engine stands at the gate; returns the name of its process.</summary>
    public async Task<string> ArrivedAsync()
    {
        await using NpgsqlCommand wait = _database.CreateCommand($"""
            DO $$ BEGIN
                WHILE NOT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted) LOOP
                    PERFORM pg_sleep(0.01);
                END LOOP;
            END $$
            """);
        wait.CommandTimeout = 60;
        await wait.ExecuteNonQueryAsync();
        await using NpgsqlCommand who = _database.CreateCommand("""
            SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
            WHERE l.locktype = 'advisory' AND NOT l.granted
            """);
        return (string)(await who.ExecuteScalarAsync())!;
    }

    /// <summary>Waits until nobody stands at the gate: the database has noticed that its client is dead.</summary>
    public async Task GoneAsync()
    {
        await using NpgsqlCommand wait = _database.CreateCommand($"""
            DO $$ BEGIN
                WHILE EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted) LOOP
                    PERFORM pg_sleep(0.01);
                END LOOP;
            END $$
            """);
        wait.CommandTimeout = 60;
        await wait.ExecuteNonQueryAsync();
    }

    /// <summary>Lets the one who waits go on.</summary>
    public async Task OpenAsync()
    {
        await using var release = new NpgsqlCommand("SELECT pg_advisory_unlock_all()", _holder);
        await release.ExecuteNonQueryAsync();

        // Not TRUNCATE, which would wait for the statement that stands at the gate and reads this table.
        await ExecuteAsync(_database, "DELETE FROM test_gate");
    }

    public async ValueTask DisposeAsync()
    {
        await OpenAsync();
        await _holder.DisposeAsync();
    }

    private static async Task ExecuteAsync(NpgsqlDataSource database, string text)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(text, connection);
        await command.ExecuteNonQueryAsync();
    }
}
