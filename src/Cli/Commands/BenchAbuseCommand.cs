using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Cli.Asking;
using PixSearch.Cli.Bench;
using PixSearch.Cli.Bench.Abuse;
using PixSearch.Gateway;
using PixSearch.Inference.Engine;
using PixSearch.Node;
using PixSearch.Tensors;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px bench abuse</c>: attacks on a running server, judged from outside by its answers and its metrics. Without
/// addresses it serves a model itself, on loopback. Exit code 1 when a promise was not kept.
/// </summary>
internal static class BenchAbuseCommand
{
    private const double FirstTextSecondsMax = 1;

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private static readonly string[] s_names =
        ["cancel", "reset", "loris", "frames", "protobuf", "json", "idle", "pictures", "overload"];

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Option<string> model = new("--model")
        {
            DefaultValueFactory = _ => "pixsearch-nano", Description = "Folder or name of the model that is served.",
        };
        Option<Uri?> http = new("--http")
        {
            Description = "Attack this server: its HTTP address; with --grpc.", CustomParser = ParseAddress,
        };
        Option<Uri?> grpc = new("--grpc") { Description = "Its gRPC address.", CustomParser = ParseAddress };
        Option<string?> key = new("--key") { Description = "Its API key." };
        Option<string[]> only = new("--only")
        {
            Description = $"Some of: {string.Join(", ", s_names)}.", AllowMultipleArgumentsPerToken = true,
        };
        Option<double> scale = new("--scale")
        {
            DefaultValueFactory = _ => 1, Description = "Size of the attacks; 1 is 10,000 cancelled streams.",
        };
        Option<double> release = new("--release-seconds")
        {
            DefaultValueFactory = _ => 1, Description = "Within which all must be back after an attack.",
        };
        Option<ulong> seed = new("--seed") { DefaultValueFactory = _ => 1, Description = "Seed of the attacks." };
        Option<string> output = new("--out")
        {
            DefaultValueFactory = _ => Path.Combine("out", "bench"), Description = "Folder.",
        };
        var command = new Command("abuse", "Attack a server and see whether it keeps its promises.")
        {
            model, http, grpc, key, only, scale, release, seed, output,
        };
        command.SetAction((parsed, cancellation) => RunAsync(new Settings(parsed.GetValue(model)!,
            parsed.GetValue(http), parsed.GetValue(grpc), parsed.GetValue(key),
            parsed.GetValue(only) is { Length: > 0 } some ? some : s_names, parsed.GetValue(scale),
            parsed.GetValue(release), parsed.GetValue(seed), parsed.GetValue(output)!), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(Settings settings, CancellationToken cancellation)
    {
        settings.Check();
        await using Host? host = settings.Http is null ? await Host.StartAsync(settings.Model, cancellation) : null;
        using var target = new AbuseTarget(settings.Http ?? host!.Server.HttpAddress,
            settings.Grpc ?? host!.Server.GrpcAddress, settings.Key);
        await target.ServeAsync(cancellation);
        var results = new List<AbuseResult>();
        foreach (string name in settings.Only)
        {
            AbuseResult result = await AttackAsync(name, target, settings, cancellation);
            results.Add(result);
            AnsiConsole.MarkupLineInterpolated(
                $"{(result.Held ? "held  " : "FAILED")} {result.Name}: {result.Sent}: {result.Observed}");
        }

        Directory.CreateDirectory(settings.Output);
        string path = Path.Combine(settings.Output, "abuse.json");
        await File.WriteAllTextAsync(path, JsonSerializer.Serialize(new { settings.Scale, settings.Seed, results },
            s_json) + "\n", cancellation);
        AnsiConsole.MarkupLineInterpolated($"{results.Count(one => one.Held)} of {results.Count} held; {path}");
        return results.All(static one => one.Held) ? 0 : 1;
    }

    private static Task<AbuseResult> AttackAsync(string name, AbuseTarget target, Settings settings,
        CancellationToken cancellation)
    {
        var streams = new StreamAttacks(target, settings.Seed, settings.ReleaseSeconds);
        var messages = new MessageAttacks(target, settings.Seed);
        return name switch
        {
            "cancel" => streams.CancelAsync(settings.Count(10_000), cancellation),
            "reset" => streams.RapidResetAsync(settings.Count(10_000), cancellation),
            "loris" => streams.SlowLorisAsync(settings.Count(200), cancellation),
            "idle" => streams.IdleAsync(settings.Count(1_000), cancellation),
            "frames" => messages.FramesAsync(settings.Count(1_000), cancellation),
            "protobuf" => messages.ProtobufAsync(settings.Count(2_000), cancellation),
            "json" => messages.JsonAsync(settings.Count(2_000), cancellation),
            "pictures" => messages.PicturesAsync(settings.Count(500), cancellation),
            _ => new OverloadAttack(target, settings.Seed, FirstTextSecondsMax)
                .RunAsync(Math.Max(1, 20 * settings.Scale), 3, cancellation),
        };
    }

    private static Uri? ParseAddress(System.CommandLine.Parsing.ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (Uri.TryCreate(text, UriKind.Absolute, out Uri? address))
        {
            return address;
        }

        result.AddError($"'{text}' is no address such as http://127.0.0.1:8080.");
        return null;
    }

    private sealed record Settings(string Model, Uri? Http, Uri? Grpc, string? Key, string[] Only, double Scale,
        double ReleaseSeconds, ulong Seed, string Output)
    {
        public int Count(int full) => Math.Max(2, (int)(full * Scale));

        public void Check()
        {
            if ((Http is null) != (Grpc is null))
            {
                throw new PixException(PixErrorKind.InvalidArgument, "--http and --grpc belong together.");
            }

            if (Only.FirstOrDefault(static name => !s_names.Contains(name)) is { } unknown)
            {
                throw new PixException(PixErrorKind.InvalidArgument,
                    $"--only is '{unknown}'; there are {string.Join(", ", s_names)}.");
            }

            if (!(Scale > 0 && Scale <= 10))
            {
                throw new PixException(PixErrorKind.InvalidArgument, string.Create(CultureInfo.InvariantCulture,
                    $"--scale is {Scale}; it must be in (0, 10]."));
            }
        }
    }

    /// <summary>A model behind both doors, as <c>px serve</c> puts it together, on free ports of loopback.</summary>
    private sealed class Host : IAsyncDisposable
    {
        private readonly NodeAssembly _assembly;
        private readonly NodeMetrics _metrics;

        private Host(NodeAssembly assembly, NodeMetrics metrics, GatewayServer server) =>
            (_assembly, _metrics, Server) = (assembly, metrics, server);

        public GatewayServer Server { get; }

        public static async Task<Host> StartAsync(string model, CancellationToken cancellation)
        {
            NodeAssembly assembly = await NodeAssembly.OpenAsync(new NodeSetup
            {
                Models = [AskSetup.FolderOf("model", model)],
                Backend = CpuBackend.Create,
                ContextsMin = 64,

                // Who is let in can still begin within the objective: half of it for the queue, half for the prompt.
                Options = new NodeOptions
                {
                    Engine = new EngineOptions { QueueWaitMax = TimeSpan.FromSeconds(FirstTextSecondsMax / 2) },
                },
            });
            var metrics = new NodeMetrics(assembly.Node);
            var server = new GatewayServer(new GatewayOptions { Port = 0, GrpcPort = 0 }, new GatewayServices(
                assembly.Node, assembly.Node, new NodeSegmenter(assembly.Node, assembly.Models), assembly.Indexes)
            {
                OnScrape = metrics.RefreshAsync,
            });
            await server.StartAsync(cancellation);
            return new Host(assembly, metrics, server);
        }

        public async ValueTask DisposeAsync()
        {
            await Server.StopAsync();
            await Server.DisposeAsync();
            _metrics.Dispose();
            await _assembly.DisposeAsync();
        }
    }
}
