using Npgsql;

namespace PixSearch.Grains.Storage;

/// <summary>What one pass removed.</summary>
/// <param name="Sessions">Sessions, with their entries.</param>
/// <param name="Pictures">Pictures that no session shows any more.</param>
/// <param name="Reservations">Reservations of tenants, all of them settled.</param>
public readonly record struct Forgotten(int Sessions, int Pictures, int Reservations);

/// <summary>
/// Removes what the cluster's tables have kept long enough. Any number of processes may do it at once: each takes rows
/// that no other has.
/// </summary>
public sealed class SessionRetention(NpgsqlDataSource database)
{
    /// <summary>
    /// The shortest time that anything is kept. A session's deadline, its searches and the queue before it are minutes
    /// at most, so what is older is run by nobody, and a picture put into the store has got its session.
    /// </summary>
    public static readonly TimeSpan Shortest = TimeSpan.FromMinutes(15);

    // Rows of one statement: its locks are short, and sessions that are asked meanwhile do not wait for a long delete.
    private const int Batch = 500;

    /// <summary>Removes sessions that were asked, pictures last sent and reservations made before a time.</summary>
    public async Task<Forgotten> ForgetAsync(DateTimeOffset before, CancellationToken cancellation)
    {
        // Sessions that never ended too: their clients are long gone. Entries hold no foreign key, so they go along.
        int sessions = await RepeatAsync("""
            WITH gone AS (
                DELETE FROM pix_session WHERE id IN (
                    SELECT id FROM pix_session WHERE created_at < $1
                    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
                RETURNING id),
            entries AS (DELETE FROM pix_session_entry e USING gone WHERE e.session_id = gone.id)
            SELECT count(*) FROM gone
            """, before, cancellation);
        int pictures = await RepeatAsync("""
            WITH gone AS (
                DELETE FROM pix_picture WHERE hash IN (
                    SELECT hash FROM pix_picture p
                    WHERE created_at < $1
                        AND NOT EXISTS (SELECT 1 FROM pix_session s WHERE s.picture_hash = p.hash)
                    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
                RETURNING 1)
            SELECT count(*) FROM gone
            """, before, cancellation);

        // What nobody settled is charged in full, as where the usage of an answer is missing: never over budget.
        int reservations = await RepeatAsync("""
            WITH gone AS (
                DELETE FROM pix_reservation WHERE (tenant, id) IN (
                    SELECT tenant, id FROM pix_reservation WHERE created_at < $1
                    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
                RETURNING tenant, amount, used),
            charged AS (
                UPDATE pix_ledger l SET spent = spent + owed.amount
                FROM (SELECT tenant, sum(amount)::bigint AS amount FROM gone WHERE used IS NULL GROUP BY tenant) owed
                WHERE l.tenant = owed.tenant)
            SELECT count(*) FROM gone
            """, before, cancellation);
        return new Forgotten(sessions, pictures, reservations);
    }

    private async Task<int> RepeatAsync(string statement, DateTimeOffset before, CancellationToken cancellation)
    {
        int total = 0;
        while (true)
        {
            await using NpgsqlCommand command = database.CreateCommand(statement);
            command.Parameters.Add(new() { Value = before.ToUniversalTime() });
            command.Parameters.Add(new() { Value = Batch });
            int count = (int)(long)(await command.ExecuteScalarAsync(cancellation))!;
            total += count;
            if (count < Batch)
            {
                return total;
            }
        }
    }
}
