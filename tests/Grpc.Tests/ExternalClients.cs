using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;

namespace PixSearch.Grpc.Tests;

/// <summary>Clients that others wrote, which tests drive our servers with.</summary>
public enum ExternalClient
{
    /// <summary>npm <c>@grpc/grpc-js</c>, which Node.js programs use.</summary>
    GrpcJs,

    /// <summary>Debian's <c>python3-grpcio</c>: the C core, which Python, C++ and Ruby use.</summary>
    GrpcPython,

    /// <summary>npm <c>@bufbuild/buf</c>: <c>buf curl</c> (grpc-go's rules), with reflection.</summary>
    Buf,

    /// <summary>npm <c>openai</c>, the official client.</summary>
    OpenAi,
}

/// <summary>A test that needs a client of others; skipped, with the reason, where it cannot be installed.</summary>
public sealed class ExternalClientFactAttribute : FactAttribute
{
    public ExternalClientFactAttribute(ExternalClient client) => Skip = ExternalClients.WhyNot(client);
}

/// <summary>
/// Installs clients into a cache folder outside the repository (<c>$XDG_CACHE_HOME/pixsearch/clients</c>), once per
/// machine, and runs scripts with them.
/// </summary>
public static class ExternalClients
{
    private static readonly ConcurrentDictionary<ExternalClient, Lazy<string?>> s_reasons = new();

    private static readonly string s_folder = Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache
            ? cache
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
        "pixsearch", "clients");

    /// <summary>Why a client cannot be used here; null when it can. Installs it on the first call.</summary>
    public static string? WhyNot(ExternalClient client) =>
        s_reasons.GetOrAdd(client, one => new Lazy<string?>(() => Prepare(one))).Value;

    /// <summary>Runs a script of the test's output folder; returns what it printed, and asserts that it ended
    /// well.</summary>
    public static async Task<string> RunAsync(ExternalClient client, params string[] arguments)
    {
        string program = client switch
        {
            ExternalClient.GrpcPython => "/usr/bin/python3",
            ExternalClient.Buf => Path.Combine(s_folder, "node_modules", ".bin", "buf"),
            _ => "node",
        };
        (int code, string output) = await ExecuteAsync(program, arguments, TimeSpan.FromSeconds(60));
        Assert.True(code == 0, $"{program} ended with {code}:\n{output}");
        return output;
    }

    private static string? Prepare(ExternalClient client)
    {
        Directory.CreateDirectory(s_folder);

        // Two test assemblies may run at once; npm does not like company.
        using FileStream guard = Lock(Path.Combine(s_folder, ".lock"));
        return client switch
        {
            ExternalClient.GrpcJs => Npm("@grpc/grpc-js", "1.14.7") ?? Npm("@grpc/proto-loader", "0.8.1"),
            ExternalClient.Buf => Npm("@bufbuild/buf", "1.75.0"),
            ExternalClient.OpenAi => Npm("openai", "6.30.1"),
            _ => Python(),
        };
    }

    private static string? Npm(string package, string version)
    {
        string manifest = Path.Combine(s_folder, "node_modules", package, "package.json");
        if (File.Exists(manifest) && File.ReadAllText(manifest)
            .Contains($"\"version\": \"{version}\"", StringComparison.Ordinal))
        {
            return null;
        }

        return Try("npm", "install", "--no-audit", "--no-fund", "--fetch-retries=1", "--prefix", s_folder,
            $"{package}@{version}");
    }

    private static string? Python()
    {
        const string Probe = "import grpc, google.protobuf";
        return Try("/usr/bin/python3", "-c", Probe) is null ? null
            : Try("apt-get", "install", "-y", "--no-install-recommends", "python3-grpcio", "python3-protobuf") ??
                Try("/usr/bin/python3", "-c", Probe);
    }

    private static string? Try(string program, params string[] arguments)
    {
        try
        {
            var start = new ProcessStartInfo(program, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                RedirectStandardInput = true,
            };
            start.Environment["DEBIAN_FRONTEND"] = "noninteractive";
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(TimeSpan.FromMinutes(3)))
            {
                process.Kill(entireProcessTree: true);
                return $"{program} took longer than 3 minutes";
            }

            return process.ExitCode == 0 ? null : $"{program} {arguments[0]} ended with {process.ExitCode}";
        }
        catch (Win32Exception error)
        {
            return $"{program} cannot be run: {error.Message}";
        }
    }

    private static FileStream Lock(string path)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (attempt < 1200)
            {
                using var pause = new ManualResetEventSlim();
                pause.Wait(TimeSpan.FromMilliseconds(200));
            }
        }
    }

    private static async Task<(int Code, string Output)> ExecuteAsync(
        string program, string[] arguments, TimeSpan atMost)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = AppContext.BaseDirectory,
        };
        start.Environment["NODE_PATH"] = Path.Combine(s_folder, "node_modules");
        start.Environment.Remove("http_proxy");
        start.Environment.Remove("grpc_proxy");
        using Process process = Process.Start(start)!;
        using var stop = new CancellationTokenSource(atMost);
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        Task<string> errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(stop.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }

        return (process.HasExited ? process.ExitCode : -1, await output + await errors);
    }
}
