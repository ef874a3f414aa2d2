using System.CommandLine;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using PixSearch.Abstractions;
using PixSearch.Cli.Asking;
using PixSearch.Gateway;
using PixSearch.Gateway.Pictures;
using PixSearch.Gateway.Telemetry;
using PixSearch.Inference.Engine;
using PixSearch.Node;
using PixSearch.Tensors;

namespace PixSearch.Cli.Commands;

/// <summary><c>px serve</c>: one node behind both front doors, until SIGTERM or Ctrl+C.</summary>
internal static class ServeCommand
{
    /// <summary>The command's name.</summary>
    public const string Name = "serve";

    // Contexts for which there are pages: what runs at once without giving pages up.
    private const int Contexts = 32;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var setup = new AskSetup();
        var options = new Options();
        var command = new Command(Name, "Serve HTTP (OpenAI's form and our own) and gRPC.");
        setup.AddTo(command);
        options.AddTo(command);
        command.SetAction((parsed, cancellation) => RunAsync(setup, options, parsed, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(
        AskSetup setup, Options options, ParseResult parsed, CancellationToken cancellation)
    {
        TextWriter console = parsed.InvocationConfiguration.Output;
        string? sessions = parsed.GetValue(options.Sessions);
        GatewayOptions gateway = options.Read(parsed);
        using OtlpExport export = OtlpExport.FromEnvironment();
        await using NodeAssembly assembly = await setup.OpenAsync(parsed, Contexts, options.ReadEngine(parsed),
            sessions: sessions ?? "", kept: options.ReadRetention(parsed));
        using var metrics = new NodeMetrics(assembly.Node);
        int resumed = await assembly.Node.ResumeAsync(
            (session, why) => parsed.InvocationConfiguration.Error.WriteLine(
                $"px: session {session} cannot go on: {why}"));
        var services = new GatewayServices(assembly.Node, assembly.Node,
            new NodeSegmenter(assembly.Node, assembly.Models),
            assembly.Indexes) { OnScrape = metrics.RefreshAsync };
        await using var server = new GatewayServer(gateway, services, logging =>
        {
            logging.AddSimpleConsole(static format =>
            {
                format.SingleLine = true;
                format.TimestampFormat = "HH:mm:ss ";
            });
            logging.AddFilter("Microsoft", LogLevel.Warning);
            export.AddTo(logging);
        });
        await server.StartAsync(cancellation);
        await console.WriteLineAsync(
            $"HTTP  {server.HttpAddress}v1/chat/completions, {server.HttpAddress}openapi.json");
        await console.WriteLineAsync($"gRPC  {server.GrpcAddress.Authority}  pixsearch.v1 (reflection on)");
        await console.WriteLineAsync(
            $"model {string.Join(", ", assembly.Node.Models.Select(static one => one.Name))}; " +
            $"index {(assembly.Node.Indexes.Count > 0 ? string.Join(", ", assembly.Node.Indexes) : "none")}; " +
            $"{resumed} sessions resumed");
        bool open = gateway.TenantsFile is null && !IPAddress.IsLoopback(IPAddress.Parse(gateway.Host));
        if (open)
        {
            await console.WriteLineAsync("There is no --tenants file: everybody who reaches this port may ask.");
        }

        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration signal = server.Stopping.Register(() => stop.TrySetResult());
        using CancellationTokenRegistration caller = cancellation.Register(() => stop.TrySetResult());
        await stop.Task;
        bool all = await server.StopAsync();
        await console.WriteLineAsync(all ? "stopped; nothing was running any more"
            : "stopped; running sessions were handed over");
        return 0;
    }

    /// <summary>The options that are the server's own.</summary>
    private sealed class Options
    {
        public Option<string?> Sessions { get; } = new("--sessions")
        {
            Description = "Folder that keeps sessions and budgets, so that they survive the process.",
        };

        private Option<double> KeepHours { get; } = new("--keep-hours")
        {
            Description = "Hours that --sessions keeps a session that is over.",
            DefaultValueFactory = _ => new NodeOptions().StoreRetention.TotalHours,
        };

        private Option<string> Host { get; } = new("--host")
        {
            Description = "Address to listen on; 0.0.0.0 for all.",
            DefaultValueFactory = _ => "127.0.0.1",
        };

        private Option<int> Port { get; } = new(
            "--port") { Description = "HTTP port; 0 = a free one.", DefaultValueFactory = _ => 8080 };

        private Option<int> GrpcPort { get; } = new("--grpc-port")
        {
            Description = "gRPC port; 0 = a free one.",
            DefaultValueFactory = _ => 8081,
        };

        private Option<string?> Tenants { get; } = new("--tenants") { Description = "Tenants file (JSON); watched." };

        private Option<string?> Certificate { get; } = new("--tls-cert") { Description = "Certificate (PEM)." };

        private Option<string?> Key { get; } = new("--tls-key") { Description = "Its key (PEM)." };

        private Option<double> Grace { get; } = new("--drain-grace")
        {
            Description = "Seconds that running requests get after SIGTERM.",
            DefaultValueFactory = _ => 25,
        };

        private Option<string?> Console { get; } =
            new("--console") { Description = "Folder of the web console's files." };

        private Option<string[]> Hosts { get; } = new("--picture-hosts")
        {
            Description = "Allow pictures by URL from these hosts (name, or *.name); off without.",
            AllowMultipleArgumentsPerToken = true,
        };

        private Option<int> SessionsMax { get; } = new("--sessions-max")
        {
            Description = "Most sessions in the engine, waiting ones too; more get 503 at once.",
            DefaultValueFactory = _ => new EngineOptions().SessionsMax,
        };

        private Option<int> SessionsPerTenant { get; } = new("--sessions-per-tenant")
        {
            Description = "Most sessions of one tenant; 0 = no limit of its own.",
        };

        private Option<double> QueueSeconds { get; } = new("--queue-seconds")
        {
            Description = "Longest expected wait in the queue; longer gets 503 at once; 0 = no limit.",
            DefaultValueFactory = _ => 10,
        };

        private Option<int> TokenBudget { get; } = new("--token-budget")
        {
            Description = "Most rows of one step: smaller for steadier streams, larger for throughput.",
            DefaultValueFactory = _ => new EngineOptions().TokenBudget,
        };

        private Option<KvType> Kv { get; } = new("--kv")
        {
            Description = "How keys and values of the contexts are held: f32, or bf16 in half the memory.",
            DefaultValueFactory = _ => KvType.F32,
        };

        private Option<PausePolicy> Pause { get; } = new("--pause-policy")
        {
            Description = "Pages of a session that searches: cost (measured), keep, or drop and compute again.",
            DefaultValueFactory = _ => PausePolicy.Cost,
        };

        public void AddTo(Command command)
        {
            foreach (Option option in (Option[])[Sessions, KeepHours, Host, Port, GrpcPort, Tenants, Certificate, Key,
                Grace, SessionsMax, SessionsPerTenant, QueueSeconds, TokenBudget, Kv, Pause, Console, Hosts])
            {
                command.Add(option);
            }
        }

        public TimeSpan ReadRetention(ParseResult parsed)
        {
            double hours = parsed.GetValue(KeepHours);
            Require(hours is >= 0.25 and <= 87_600, $"--keep-hours is {hours}; it must be in [0.25, 87600].");
            return TimeSpan.FromHours(hours);
        }

        public EngineOptions ReadEngine(ParseResult parsed)
        {
            double queue = parsed.GetValue(QueueSeconds);
            Require(queue is >= 0 and <= 86_400, $"--queue-seconds is {queue}; it must be in [0, 86400].");
            Positive("--sessions-max", parsed.GetValue(SessionsMax), 1);
            Positive("--sessions-per-tenant", parsed.GetValue(SessionsPerTenant), 0);
            Positive("--token-budget", parsed.GetValue(TokenBudget), 1);
            return new EngineOptions
            {
                SessionsMax = parsed.GetValue(SessionsMax),
                SessionsPerTenantMax = parsed.GetValue(SessionsPerTenant),
                QueueWaitMax = TimeSpan.FromSeconds(queue),
                TokenBudget = parsed.GetValue(TokenBudget),
                KvType = parsed.GetValue(Kv),
                PausePolicy = parsed.GetValue(Pause),
            };

            static void Positive(string name, int value, int min) =>
                Require(value >= min && value <= 1_000_000, $"{name} is {value}; it must be in [{min}, 1000000].");
        }

        public GatewayOptions Read(ParseResult parsed)
        {
            string host = parsed.GetValue(Host)!;
            host = host == "localhost" ? "127.0.0.1" : host;
            double grace = parsed.GetValue(Grace);
            string? console = parsed.GetValue(Console);
            Require(IPAddress.TryParse(host, out _), $"--host is '{host}'; it must be an IP address.");
            Require(parsed.GetValue(Port) is >= 0 and <= 65535,
                $"--port is {parsed.GetValue(Port)}; it must be in [0, 65535].");
            Require(parsed.GetValue(GrpcPort) is >= 0 and <= 65535,
                $"--grpc-port is {parsed.GetValue(GrpcPort)}; it must be in [0, 65535].");
            Require(grace is >= 0 and <= 3600, $"--drain-grace is {grace}; it must be in [0, 3600].");
            Require(console is null || Directory.Exists(console), $"--console: there is no folder '{console}'.");
            string[] hosts = parsed.GetValue(Hosts) ?? [];
            string? sessions = parsed.GetValue(Sessions);
            if (sessions is not null)
            {
                Directory.CreateDirectory(sessions);
            }

            return new GatewayOptions
            {
                Host = host,
                Port = parsed.GetValue(Port),
                GrpcPort = parsed.GetValue(GrpcPort),
                TenantsFile = parsed.GetValue(Tenants),
                LedgerFile = sessions is null ? null : Path.Combine(sessions, "ledger.jsonl"),
                ConsoleFolder = console,
                DrainGrace = TimeSpan.FromSeconds(grace),
                Certificate = ReadCertificate(parsed.GetValue(Certificate), parsed.GetValue(Key)),
                RemotePictures = hosts.Length > 0 ? new RemotePictureOptions { AllowedHosts = hosts } : null,
            };
        }

        private static X509Certificate2? ReadCertificate(string? certificate, string? key)
        {
            Require((certificate is null) == (key is null), "--tls-cert and --tls-key belong together.");
            if (certificate is null)
            {
                return null;
            }

            try
            {
                return X509Certificate2.CreateFromPemFile(certificate, key);
            }
            catch (Exception error) when (error is CryptographicException or IOException or UnauthorizedAccessException)
            {
                throw new PixException(PixErrorKind.InvalidArgument, $"--tls-cert, --tls-key: {error.Message}", error);
            }
        }

        private static void Require(bool holds, string message)
        {
            if (!holds)
            {
                throw new PixException(PixErrorKind.InvalidArgument, message);
            }
        }
    }
}
