using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PixSearch.Imaging;
using PixSearch.Tensors;
using PixSearch.Tensors.Benchmarks;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px bench kernels</c>: our kernels beside OpenBLAS and oneDNN, and beside the limits of the machine.
/// </summary>
internal static class BenchKernelsCommand
{
    private static readonly int[] s_rows = [1, 4, 8, 16, 64, 256, 576];
    private static readonly (int Input, int Output)[] s_few =
        [(256, 256), (256, 1024), (512, 512), (1024, 256), (1024, 1024), (1024, 4096), (4096, 1024), (4096, 4096)];

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Print the results as JSON." };
        var full = new Option<bool>("--full")
        {
            Description = "Every pair of 256, 512, 1024, 4096 and 11008 (minutes).",
        };
        var picture = new Option<FileInfo?>("--picture") { Description = "Write a picture of the roofline (PNG)." };
        var each = new Option<int>("--ms")
        {
            Description = "Milliseconds for each candidate, shape and round.",
            DefaultValueFactory = _ => 8,
        };
        var cpuTime = new Option<bool>("--cpu-time")
        {
            Description = "Read the CPU time of the thread, for busy machines; needs PIXSEARCH_THREADS=1.",
        };
        var only = new Option<string?>("--only") { Description = "Only what holds this text in its group or name." };
        var command = new Command("kernels", "Matrix products and other kernels beside OpenBLAS and oneDNN.")
        {
            json, full, picture, each, cpuTime, only,
        };
        command.SetAction(parsed =>
        {
            using var benchmark =
                new KernelBenchmark(Math.Clamp(parsed.GetValue(each), 1, 1000), 2,
                    new BenchClock(parsed.GetValue(cpuTime))) { Only = parsed.GetValue(only) };
            MachineLimits limits = benchmark.MeasureLimits();
            List<KernelResult> results = Run(benchmark, parsed.GetValue(full));
            if (parsed.GetValue(json))
            {
                PrintJson(benchmark, limits, results);
            }
            else
            {
                Print(benchmark, limits, results);
            }

            if (parsed.GetValue(picture) is { } file)
            {
                File.WriteAllBytes(file.FullName, PictureCodec.EncodePng(RooflinePicture.Draw(limits, results)));
            }
        });
        return command;
    }

    private static List<KernelResult> Run(KernelBenchmark benchmark, bool full)
    {
        List<KernelResult?> results = [.. new[] { 256, 512, 1024, 2048 }.Select(benchmark.Square)];
        int[] sizes = [256, 512, 1024, 4096, 11008];
        (int Input, int Output)[] pairs =
            full ? [.. sizes.SelectMany(input => sizes.Select(output => (input, output)))] : s_few;
        foreach ((int input, int output) in pairs)
        {
            results.AddRange(s_rows.Select(rows => benchmark.Linear(rows, input, output, WeightType.F32)));
        }

        foreach (WeightType type in new[] { WeightType.F32, WeightType.BF16, WeightType.Q8 })
        {
            // 4096 x 11008 is larger than the caches in every type.
            results.AddRange(new[] { 1, 8, 64 }.Select(rows => benchmark.Linear(rows, 4096, 11008, type)));
        }

        results.AddRange(benchmark.Ops());
        return [.. results.OfType<KernelResult>()];
    }

    private static void Print(KernelBenchmark benchmark, MachineLimits limits, List<KernelResult> results)
    {
        AnsiConsole.WriteLine(
            $"{benchmark.BackendName}: peak {Giga(limits.PeakFlops)} GF/s, read {Giga(limits.CacheBytes)} GB/s "
            + $"from caches, {Giga(limits.MemoryBytes)} GB/s from memory");
        var table = new Table();
        table.AddColumns(["kernel", "shape", "us", "GF/s", "of bound",
            .. benchmark.PeerNames.Select(name => $"{name} GF/s"), "ratio"]);
        foreach (KernelResult result in results)
        {
            IEnumerable<string> peers = benchmark.PeerNames.Select(name =>
                result.Peers.TryGetValue(name, out double seconds) ? Giga(result.Flops / seconds) : "");
            table.AddRow([result.Group, result.Name, Number(result.Seconds * 1e6, "0.0"),
                Giga(result.Flops / result.Seconds),
                Number(result.OfBound(limits), "0.00"), .. peers,
                double.IsNaN(result.Ratio) ? "" : Number(result.Ratio, "0.00")]);
        }

        CliConsole.Write(table);
        foreach (string line in Summary(results).Append(Fairness(benchmark)))
        {
            AnsiConsole.WriteLine(line);
        }
    }

    private static string Fairness(KernelBenchmark benchmark) =>
        $"{NativePeers.ThreadCount} thread(s) each, in turns; OPENBLAS_CORETYPE={NativePeers.CoreType ?? "(its own)"}; "
        + "each turn began when all other threads of the process slept"
        + (benchmark.RestlessTurns == 0 ? "." : $", but for {benchmark.RestlessTurns} turns: mistrust the ratios.");

    private static IEnumerable<string> Summary(List<KernelResult> results)
    {
        yield return Line("square products", results.Where(r => r.Group == "square"));
        yield return Line("linear, M >= 16", results.Where(r => r.Group == "linear" && Rows(r) >= 16));
        yield return Line("linear, M < 16", results.Where(r => r.Group == "linear" && Rows(r) < 16));

        static int Rows(KernelResult result) => int.Parse(result.Name.Split(' ')[0], CultureInfo.InvariantCulture);

        static string Line(string name, IEnumerable<KernelResult> some)
        {
            List<double> ratios = [.. some.Select(r => r.Ratio).Where(double.IsFinite).Order()];
            return ratios.Count == 0
                ? $"{name}: no peer on this machine"
                : $"{name}: {Number(ratios[ratios.Count / 2], "0.00")} times the faster peer (median), "
                    + $"{Number(ratios[0], "0.00")} at worst";
        }
    }

    private static void PrintJson(KernelBenchmark benchmark, MachineLimits limits, List<KernelResult> results) =>
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            backend = benchmark.BackendName,
            limits,
            results = results.Select(r => new
            {
                r.Group,
                r.Name,
                r.Flops,
                r.Bytes,
                r.Seconds,
                r.Peers,
                Ratio = double.IsNaN(r.Ratio) ? (double?)null : r.Ratio,
                OfBound = r.OfBound(limits),
            }),
        }));

    private static string Giga(double value) => Number(value / 1e9, "0.0");

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
