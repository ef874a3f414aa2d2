using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using PixSearch.Tensors.Benchmarks;

namespace PixSearch.Cli.Bench.Train;

/// <summary>Runs a noted training step in Debian's PyTorch, in a process of its own.</summary>
internal sealed class PyTorchPeer
{
    /// <summary>What installs it: PyTorch, and a BLAS that is thirty times as fast as the reference one.</summary>
    public const string HowToInstall = "apt-get install python3-torch libopenblas0-pthread";

    private const string Script = "pytorch_step.py";
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    // Debian's packages belong to Debian's Python; another one may come first in the path.
    private static readonly string[] s_pythons = ["/usr/bin/python3", "python3"];

    private readonly string _python;

    private PyTorchPeer(string python) => _python = python;

    /// <summary>Version of PyTorch, once it ran.</summary>
    public string Version { get; private set; } = "";

    /// <summary>Null, with the reason, where there is no PyTorch.</summary>
    public static PyTorchPeer? Find(out string missing)
    {
        missing = $"PyTorch is not installed; install it with: {HowToInstall}";
        foreach (string python in s_pythons)
        {
            try
            {
                using Process process = Process.Start(new ProcessStartInfo(python, ["-c", "import torch"])
                {
                    RedirectStandardError = true,
                })!;
                process.StandardError.ReadToEnd();
                process.WaitForExit();
                if (process.ExitCode == 0)
                {
                    return new PyTorchPeer(python);
                }
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // There is no such Python.
            }
        }

        return null;
    }

    /// <summary>Seconds of each step after one that is not counted.</summary>
    /// <exception cref="InvalidOperationException">PyTorch failed: what it wrote.</exception>
    public async Task<double[]> RunAsync(TraceBackend trace, int steps, bool cpuTime)
    {
        string file = Path.Combine(Path.GetTempPath(), $"px-bench-{Environment.ProcessId}.json");
        try
        {
            await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new { trace.Ops, trace.Weights }, s_json));
            string threads = NativePeers.ThreadCount.ToString(CultureInfo.InvariantCulture);
            var start = new ProcessStartInfo(_python,
                ["-", file, steps.ToString(CultureInfo.InvariantCulture), threads, cpuTime ? "cpu" : "wall"])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.Environment["OMP_NUM_THREADS"] = threads;
            start.Environment["OPENBLAS_NUM_THREADS"] = threads;
            if (Avx512F.IsSupported)
            {
                // OpenBLAS 0.3.21 takes CPUs that it does not know for old ones.
                start.Environment["OPENBLAS_CORETYPE"] = "SkylakeX";
                start.Environment.Remove("OPENBLAS_L2_SIZE");
            }

            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            using (Stream script = typeof(PyTorchPeer).Assembly.GetManifestResourceStream(Script)!)
            {
                await script.CopyToAsync(process.StandardInput.BaseStream);
                process.StandardInput.Close();
            }

            string output = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            if (process.ExitCode != 0)
            {
                throw new InvalidOperationException($"PyTorch failed: {await errors}");
            }

            Answer answer = JsonSerializer.Deserialize<Answer>(output, s_json)!;
            Version = answer.Version;
            return answer.Seconds;
        }
        finally
        {
            File.Delete(file);
        }
    }

    private sealed record Answer(string Version, double[] Seconds);
}
