using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace PixSearch.Cluster.Tests;

/// <summary>
/// A real PostgreSQL of the distribution on a free loopback port, in a folder of its own; stopped and deleted at the
/// end.
/// </summary>
public sealed class PostgresServer : IDisposable
{
    private readonly string _folder;
    private readonly int _port = FreePort();
    private readonly string _settings;

    private PostgresServer(string binaries, string settings)
    {
        (Binaries, _settings) = (binaries, settings);
        _folder = Directory.CreateTempSubdirectory("pixsearch-pg-").FullName;
        if (Environment.IsPrivilegedProcess)
        {
            // The server refuses to run as root.
            Run("chown", "postgres", _folder);
        }

        Server("initdb", "-D", Data, "-A", "trust", "-U", "pixsearch", "-E", "UTF8", "--no-sync");
        Start();
    }

    /// <summary>Folder of initdb and pg_ctl.</summary>
    public string Binaries { get; }

    /// <summary>For Npgsql.</summary>
    public string ConnectionString =>
        $"Host=127.0.0.1;Port={_port};Username=pixsearch;Database=postgres;Maximum Pool Size=20;Timeout=5";

    private string Data => Path.Combine(_folder, "data");

    /// <summary>Null where no PostgreSQL is installed.</summary>
    public static string? FindBinaries() =>
        Directory.Exists("/usr/lib/postgresql")
            ? Directory.EnumerateDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin"))
                .Where(folder => File.Exists(Path.Combine(folder,
                    "initdb"))).Order(StringComparer.Ordinal).LastOrDefault()
            : null;

    /// <summary>Starts a new server.</summary>
    /// <param name="settings">More arguments for it, such as <c>-c name=value</c>.</param>
    public static PostgresServer Create(string settings = "") => new(FindBinaries()
        ?? throw new InvalidOperationException("PostgreSQL is not installed (Debian package postgresql)."), settings);

    /// <summary>Stops at once, as a crash would; what was committed is there after <see cref="Start"/>.</summary>
    public void Stop() => Server("pg_ctl", "-D", Data, "-m", "immediate", "-w", "stop");

    /// <summary>Starts again on the same port with the same data.</summary>
    public void Start() => Server("pg_ctl", "-D", Data, "-w", "-l", Path.Combine(_folder, "log"), "-o",
        $"-p {_port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={_folder} -c fsync=off {_settings}",
        "start");

    public void Dispose()
    {
        try
        {
            Stop();
        }
        finally
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void Server(string program, params string[] arguments)
    {
        string path = Path.Combine(Binaries, program);
        if (Environment.IsPrivilegedProcess)
        {
            Run("runuser", ["-u", "postgres", "--", path, .. arguments]);
        }
        else
        {
            Run(path, arguments);
        }
    }

    // Output is not read through pipes: the server would inherit them and keep them open for ever.
    private static void Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$0\" \"$@\" >/dev/null 2>&1", program, .. arguments])
        {
            WorkingDirectory = Path.GetTempPath(),
        };
        using Process process = Process.Start(start)!;
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}.");
        }
    }
}

/// <summary>Needs a PostgreSQL on the machine; skipped with that reason elsewhere.</summary>
public sealed class ClusterFactAttribute : FactAttribute
{
    private const string Variable = "PIXSEARCH_CLUSTER_TESTS";

    public ClusterFactAttribute()
    {
        if (PostgresServer.FindBinaries() is null)
        {
            Skip = "PostgreSQL is not installed (Debian package postgresql)";
        }
    }

    /// <summary>Whether tests over live silos run: wherever there is a PostgreSQL, unless the variable is
    /// 0.</summary>
    public static bool WantsLiveSilos => PostgresServer.FindBinaries() is not null
        && Environment.GetEnvironmentVariable(Variable) != "0";

    /// <summary>
    /// The longest silence that a client may see when a silo is lost: the goal where the variable is 1, which says that
    /// the machine has nothing else to do; elsewhere what tells a late recovery from none.
    /// </summary>
    public static TimeSpan RecoveryMax => Environment.GetEnvironmentVariable(Variable) == "1"
        ? TimeSpan.FromSeconds(10)
        : TimeSpan.FromSeconds(60);

    /// <summary>The test starts silos as processes.</summary>
    public bool LiveSilos
    {
        get => false;
        set => Skip = value && !WantsLiveSilos && Skip is null ? $"{Variable} is 0" : Skip;
    }
}
