using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using PixSearch.Abstractions;

namespace PixSearch.Silo.Bench;

/// <summary>Silos and a gateway as processes of this executable on loopback; killed in the end.</summary>
internal sealed class BenchProcesses : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(120);

    private readonly List<Process> _processes = [];

    private BenchProcesses()
    {
    }

    /// <summary>The gateway's gRPC door.</summary>
    public Uri Grpc { get; private set; } = new("http://127.0.0.1");

    /// <summary>Starts a cluster of its own in the database of the settings.</summary>
    public static async Task<BenchProcesses> StartAsync(SiloSettings settings, int silos,
        CancellationToken cancellation)
    {
        var started = new BenchProcesses();
        string cluster = $"bench-{Guid.NewGuid():N}";
        try
        {
            for (int i = 0; i < silos; i++)
            {
                await started.StartAsync(settings, cluster, "silo", cancellation);
            }

            string line = await started.StartAsync(settings, cluster, "gateway", cancellation);
            started.Grpc = new Uri(line[(line.IndexOf("grpc=", StringComparison.Ordinal) + "grpc=".Length)..].Trim());
            return started;
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    /// <summary>Processor seconds that the silos have taken so far.</summary>
    public double SilosCpu => _processes[..^1].Sum(Cpu);

    /// <summary>Processor seconds that the gateway has taken so far.</summary>
    public double GatewayCpu => Cpu(_processes[^1]);

    /// <summary>Kills a silo as a crash would.</summary>
    public void KillOne() => _processes[0].Kill();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (Process process in _processes)
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    private static double Cpu(Process process)
    {
        process.Refresh();
        return process.HasExited ? 0 : process.TotalProcessorTime.TotalSeconds;
    }

    private async Task<string> StartAsync(SiloSettings settings, string cluster, string role,
        CancellationToken cancellation)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(BenchProcesses).Assembly.Location, "--role", role])
        {
            RedirectStandardOutput = true,
        };
        (string Name, string Value)[] variables =
        [
            ("CLUSTERID", cluster), ("POSTGRES", settings.Postgres), ("MODELS", settings.Models),
            ("DEFAULTMODEL", settings.DefaultModel), ("LISTENADDRESS", "127.0.0.1"), ("REHEARSAL", "true"),
            ("INDEXES", ""), ("SILOPORT", $"{FreePort()}"), ("GATEWAYPORT", $"{FreePort()}"), ("HTTPPORT", "0"),
            ("GRPCPORT", "0"),
        ];
        foreach ((string name, string value) in variables)
        {
            start.Environment[$"PIXSEARCH__{name}"] = value;
        }

        Process process = Process.Start(start)!;
        _processes.Add(process);
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        late.CancelAfter(s_patience);
        while (await process.StandardOutput.ReadLineAsync(late.Token) is { } line)
        {
            if (line.StartsWith("ready ", StringComparison.Ordinal))
            {
                // What comes later must be read, or the process would block on a full pipe.
                _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
                return line;
            }
        }

        throw new PixException(PixErrorKind.Internal, $"A {role} of the benchmark ended before it was ready.");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
