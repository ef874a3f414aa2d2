using Npgsql;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;
using PixSearch.Grains.Storage;

namespace PixSearch.Grains;

/// <summary>
/// The ledger of one tenant. One activation serialises the calls of a healthy cluster; that no budget is passed even
/// with two activations is the database's doing: the reservation is one statement over a locked row.
/// </summary>
internal sealed class TenantGrain(NpgsqlDataSource database, TimeProvider time) : Grain, ITenantGrain
{
    public Task<bool> ReserveAsync(string reservationId, long amount, long budget)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(amount);
        return PatientlyAsync(() => ReserveOnceAsync(reservationId, amount, budget));
    }

    public Task SettleAsync(string reservationId, long used) =>
        PatientlyAsync(() => SettleOnceAsync(reservationId, used));

    public Task<LedgerBalance> BalanceAsync() => PatientlyAsync(BalanceOnceAsync);

    private async Task<bool> ReserveOnceAsync(string reservationId, long amount, long budget)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await using var account = new NpgsqlCommand("""
            INSERT INTO pix_ledger (tenant) VALUES ($1) ON CONFLICT (tenant) DO UPDATE SET spent = pix_ledger.spent
            RETURNING spent
            """, connection, transaction);
        account.Parameters.Add(new() { Value = this.GetPrimaryKeyString() });
        long spent = (long)(await account.ExecuteScalarAsync())!;

        await using var reserve = new NpgsqlCommand("""
            WITH held AS (SELECT coalesce(sum(amount), 0) AS total FROM pix_reservation
                WHERE tenant = $1 AND used IS NULL)
            INSERT INTO pix_reservation (tenant, id, amount)
            SELECT $1, $2, $3 FROM held WHERE $4 + held.total + $3 <= $5
            ON CONFLICT (tenant, id) DO NOTHING
            """, connection, transaction);
        reserve.Parameters.Add(new() { Value = this.GetPrimaryKeyString() });
        reserve.Parameters.Add(new() { Value = reservationId });
        reserve.Parameters.Add(new() { Value = amount });
        reserve.Parameters.Add(new() { Value = spent });
        reserve.Parameters.Add(new() { Value = budget });
        bool added = await reserve.ExecuteNonQueryAsync() == 1;
        if (!added)
        {
            await using var known = new NpgsqlCommand(
                "SELECT EXISTS (SELECT 1 FROM pix_reservation WHERE tenant = $1 AND id = $2)", connection, transaction);
            known.Parameters.Add(new() { Value = this.GetPrimaryKeyString() });
            known.Parameters.Add(new() { Value = reservationId });
            added = (bool)(await known.ExecuteScalarAsync())!;
        }

        await transaction.CommitAsync();
        return added;
    }

    private async Task<int> SettleOnceAsync(string reservationId, long used)
    {
        await using NpgsqlCommand command = database.CreateCommand("""
            WITH settled AS (
                UPDATE pix_reservation SET used = least(amount, greatest($3, 0))
                WHERE tenant = $1 AND id = $2 AND used IS NULL RETURNING used)
            UPDATE pix_ledger SET spent = spent + settled.used FROM settled WHERE tenant = $1
            """);
        command.Parameters.Add(new() { Value = this.GetPrimaryKeyString() });
        command.Parameters.Add(new() { Value = reservationId });
        command.Parameters.Add(new() { Value = used });
        return await command.ExecuteNonQueryAsync();
    }

    private async Task<LedgerBalance> BalanceOnceAsync()
    {
        await using NpgsqlCommand command = database.CreateCommand("""
            SELECT coalesce((SELECT spent FROM pix_ledger WHERE tenant = $1), 0),
                   coalesce((SELECT sum(amount) FROM pix_reservation WHERE tenant = $1 AND used IS NULL), 0)::bigint
            """);
        command.Parameters.Add(new() { Value = this.GetPrimaryKeyString() });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        return new LedgerBalance(row.GetInt64(0), row.GetInt64(1));
    }

    private async Task<T> PatientlyAsync<T>(Func<Task<T>> statement)
    {
        try
        {
            return await DatabaseOutage.WaitAsync(statement, time, CancellationToken.None);
        }
        catch (PixException error)
        {
            throw GrainErrorException.From(error);
        }
    }
}
