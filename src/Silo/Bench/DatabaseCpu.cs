using System.Globalization;
using Npgsql;

namespace PixSearch.Silo.Bench;

/// <summary>The processor time of a PostgreSQL on this machine, from Linux' own books: its main process, those that it
/// started and those that ended. Zero when it runs elsewhere.</summary>
internal sealed class DatabaseCpu
{
    // Fields of /proc/PID/stat behind the name: state, parent, …, utime, stime, cutime, cstime.
    private const int ParentField = 1;
    private const int TimesField = 11;
    private const double TicksPerSecond = 100;

    private readonly int _main;

    private DatabaseCpu(int main) => _main = main;

    /// <summary>Processor seconds so far.</summary>
    public double Seconds => _main == 0
        ? 0
        : Directory.EnumerateDirectories("/proc").Select(folder => Path.GetFileName(folder))
            .Select(name => int.TryParse(name, CultureInfo.InvariantCulture, out int id) ? Read(id) : [])
            .Where(stat => stat.Length > 0 && (stat[0] == _main || stat[1 + ParentField] == _main))
            .Sum(stat => Times(stat, ended: stat[0] == _main)) / TicksPerSecond;

    /// <summary>Finds the server behind a connection.</summary>
    public static async Task<DatabaseCpu> OpenAsync(NpgsqlDataSource database, CancellationToken cancellation)
    {
        await using NpgsqlCommand who = database.CreateCommand(
            "SELECT CASE WHEN inet_server_addr() IS NULL OR inet_server_addr() = inet_client_addr() "
            + "THEN pg_backend_pid() ELSE 0 END");
        int backend = (int)(await who.ExecuteScalarAsync(cancellation))!;
        long[] stat = backend == 0 ? [] : Read(backend);
        return new DatabaseCpu(stat.Length > 0 ? (int)stat[1 + ParentField] : 0);
    }

    private static double Times(long[] stat, bool ended) =>
        stat.AsSpan(1 + TimesField, ended ? 4 : 2).ToArray().Sum();

    /// <summary>The id, then the numbers behind the name; empty when there is no such process.</summary>
    private static long[] Read(int id)
    {
        try
        {
            string text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat"));
            string[] fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return
            [
                id, .. fields.Select(field => long.TryParse(field, CultureInfo.InvariantCulture, out long n) ? n : 0),
            ];
        }
        catch (IOException)
        {
            return [];
        }
    }
}
