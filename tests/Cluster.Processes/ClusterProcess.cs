using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using PixSearch.Abstractions;

namespace PixSearch.Cluster.Processes;

/// <summary>The real silo executable as a process of its own: started, asked, killed, frozen.</summary>
internal sealed partial class ClusterProcess : IDisposable
{
    private const int Terminate = 15;
    private const int Continue = 18;
    private const int Stop = 19;

    // A start takes two to five seconds on two free cores; busy ones may need much longer.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(240);

    private readonly Process _process;
    private readonly Journal _journal;
    private readonly StringBuilder _output = new();
    private readonly TaskCompletionSource<string> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ClusterProcess(string name, Process process, Journal journal)
    {
        (Name, _process, _journal) = (name, process, journal);
        process.OutputDataReceived += (_, line) => Take(line.Data);
        process.ErrorDataReceived += (_, line) => Take(line.Data);
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => _ready.TrySetException(new InvalidOperationException($"{name} ended:\n{Output}"));
    }

    /// <summary>What PostgreSQL knows its connections by.</summary>
    public string Name { get; }

    public Uri Http { get; private set; } = new("http://127.0.0.1");

    public Uri? Grpc { get; private set; }

    /// <summary>Whether it has said that it is ready.</summary>
    public bool IsReady => _ready.Task.IsCompletedSuccessfully;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>Everything it wrote.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>Starts a role and waits until it says that it is ready.</summary>
    public static async Task<ClusterProcess> StartAsync(string name, string role,
        IReadOnlyDictionary<string, string> settings, Journal journal)
    {
        ClusterProcess started = Begin(name, role, settings, journal);
        try
        {
            started.Read(await started._ready.Task.WaitAsync(s_patience));
            return started;
        }
        catch
        {
            started.Dispose();
            throw;
        }
    }

    /// <summary>Starts a role and waits for nothing.</summary>
    /// <param name="name">What the journal and PostgreSQL know it by.</param>
    /// <param name="role">silo, gateway or all.</param>
    /// <param name="settings">Settings without their prefix; OpenTelemetry's under their full names.</param>
    /// <param name="journal">Where its output goes.</param>
    public static ClusterProcess Begin(string name, string role, IReadOnlyDictionary<string, string> settings,
        Journal journal)
    {
        string silo = Path.Combine(AppContext.BaseDirectory, "PixSearch.Silo.dll");
        var start = new ProcessStartInfo("dotnet", [silo, "--role", role])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // Instrumenting hot methods on the way up costs more than it gains in a minute of life.
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["PIXSEARCH__SILOPORT"] = $"{FreePort()}";
        start.Environment["PIXSEARCH__GATEWAYPORT"] = $"{FreePort()}";
        start.Environment["PIXSEARCH__HTTPPORT"] = "0";
        start.Environment["PIXSEARCH__GRPCPORT"] = "0";
        foreach ((string key, string value) in settings)
        {
            start.Environment[key.StartsWith("OTEL_", StringComparison.Ordinal) ? key : $"PIXSEARCH__{key}"] = value;
        }

        var begun = new ClusterProcess(name, new Process { StartInfo = start }, journal);
        begun._process.Start();
        begun._process.BeginOutputReadLine();
        begun._process.BeginErrorReadLine();
        return begun;
    }

    /// <summary>SIGKILL.</summary>
    public void Kill()
    {
        _journal.Note(Name, "killed");
        _process.Kill();
    }

    /// <summary>SIGTERM.</summary>
    public void Terminated() => Signal(Terminate);

    /// <summary>SIGSTOP.</summary>
    public void Freeze() => Signal(Stop);

    /// <summary>SIGCONT.</summary>
    public void Thaw() => Signal(Continue);

    /// <summary>Waits until it tells load balancers that it leaves.</summary>
    public async Task DrainingAsync()
    {
        using var http = new HttpClient { BaseAddress = Http };
        using var late = new CancellationTokenSource(s_patience);
        while (true)
        {
            using HttpResponseMessage ready = await http.GetAsync(ServiceEndpoints.ReadyPath, late.Token);
            if (!ready.IsSuccessStatusCode)
            {
                return;
            }

            await Task.Delay(10, late.Token); // tidy: another process
        }
    }

    public Task ExitedAsync() => _process.WaitForExitAsync().WaitAsync(s_patience);

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    /// <summary>A port that was free a moment ago.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    // ready role=Silo http=http://127.0.0.1:1 grpc=http://127.0.0.1:2
    private void Read(string line)
    {
        Dictionary<string, string> fields = line.Split(' ').Select(field => field.Split('=', 2))
            .Where(field => field.Length == 2).ToDictionary(field => field[0], field => field[1]);
        Http = new Uri(fields["http"]);
        Grpc = fields.GetValueOrDefault("grpc") is { Length: > 0 } grpc ? new Uri(grpc) : null;
    }

    private void Take(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_output)
        {
            _output.AppendLine(line);
        }

        _journal.Note(Name, line);

        if (line.StartsWith("ready ", StringComparison.Ordinal))
        {
            _ready.TrySetResult(line);
        }
    }

    private void Signal(int number)
    {
        _journal.Note(Name, $"signal {number}");
        if (SendSignal(_process.Id, number) != 0)
        {
            throw new InvalidOperationException($"Signal {number} to {Name} failed: {Marshal.GetLastPInvokeError()}.");
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}
