using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Checkpoints.Published;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px inspect</c>: what a checkpoint is, its configuration, its tensors, the memory that it takes, what it lacks.
/// Reads headers only, but with <c>--load</c>. Exit code 1 when something is missing or mis-shaped.
/// </summary>
internal static class InspectCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var path = new Argument<string>("PATH")
        {
            Description = "A .safetensors, .bin, .pth or .index.json file, or a folder that holds one.",
        };
        var vision = new Option<string?>("--vision") { Description =
            "CLIP's checkpoint, where the file leaves it out." };
        var tensors = new Option<bool>("--tensors") { Description = "List every tensor." };
        var load = new Option<bool>("--load")
        {
            Description = "Load all weights and say how long and how much it took.",
        };
        Option<string> weights = WeightsChoice.Option();
        Option<string> backend = BackendChoice.Option();
        var command = new Command("inspect", "Show what a checkpoint holds and what it lacks.")
        {
            path, vision, tensors, load, weights, backend,
        };
        command.SetAction(parsed =>
        {
            using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(parsed.GetValue(path)!,
                new PublishedOptions { VisionPath = parsed.GetValue(vision) });
            TextWriter output = parsed.InvocationConfiguration.Output;
            PrintSummary(output, checkpoint);
            if (parsed.GetValue(tensors))
            {
                foreach (TensorEntry entry in checkpoint.Source.Tensors.Values
                    .OrderBy(entry => entry.Name, StringComparer.Ordinal))
                {
                    output.WriteLine($"  {PlainText.OneLine($"{entry}")}  {Bytes(entry.ByteCount)}");
                }
            }

            int exit = PrintCheck(output, checkpoint);
            if (parsed.GetValue(load))
            {
                Load(output, checkpoint, parsed.GetValue(backend), WeightsChoice.Parse(parsed.GetValue(weights)));
            }

            return exit;
        });
        return command;
    }

    private static void PrintSummary(TextWriter output, PublishedCheckpoint checkpoint)
    {
        IReadOnlyCollection<TensorEntry> entries = [.. checkpoint.Source.Tensors.Values];
        output.WriteLine($"{checkpoint.Source.Origin}");
        output.WriteLine($"layout      {(checkpoint.OwnType is null ? $"{checkpoint.Layout}" : "the project's own")}");
        output.WriteLine($"family      {checkpoint.ModelType ?? "none: only a part of a model"}");
        long numbers = entries.Sum(entry => (long)entry.Shape.Count);
        string bytes = Bytes(entries.Sum(entry => entry.ByteCount));
        output.WriteLine(FormattableString.Invariant($"tensors     {entries.Count}, {numbers:N0} numbers, {bytes}"));
        foreach (IGrouping<ElementType, TensorEntry> group in entries.GroupBy(entry => entry.Type).OrderBy(g => g.Key))
        {
            output.WriteLine(
                $"  {group.Key,-8}  {group.Count()} tensors, {Bytes(group.Sum(entry => entry.ByteCount))}");
        }

        if (checkpoint.ConfigJson is not null)
        {
            output.WriteLine(checkpoint.OwnType is null ? "configuration (found from the tensors)" : "configuration");
            output.WriteLine(checkpoint.ConfigJson);
        }
    }

    private static int PrintCheck(TextWriter output, PublishedCheckpoint checkpoint)
    {
        if (checkpoint.Check() is not { } check)
        {
            output.WriteLine($"{checkpoint.Layout} is no whole model of a known family: nothing to compare with.");
            PrintParts(output, checkpoint.Source.Tensors.Values);
            return 0;
        }

        string[] memory = [.. new WeightType?[] { null, WeightType.F32, WeightType.BF16, WeightType.Q8 }.Select(type =>
            $"{type?.ToString().ToLowerInvariant() ?? "auto"} {Bytes(check.MemoryBytes(type))}")];
        output.WriteLine($"memory      {string.Join(", ", memory)} (--weights)");
        Print(output, "missing", check.Missing);
        Print(output, "mis-shaped", check.Misshaped);
        Print(output, "not used", check.Extra);
        bool complete = check.Missing.Count + check.Misshaped.Count == 0;
        output.WriteLine(complete ? "complete" : "incomplete");
        return complete ? 0 : 1;
    }

    // What a part of a model, or a model that is not known here, is made of.
    private static void PrintParts(TextWriter output, IEnumerable<TensorEntry> entries)
    {
        foreach (IGrouping<string, TensorEntry> part in entries
            .GroupBy(entry => string.Join('.', entry.Name.Split('.', 3).SkipLast(1).Take(2)))
            .OrderBy(part => part.Key, StringComparer.Ordinal).Take(50))
        {
            output.WriteLine($"  {PlainText.OneLine(part.Key),-40}  {part.Count()} tensors, "
                + Bytes(part.Sum(entry => entry.ByteCount)));
        }
    }

    private static void Load(TextWriter output, PublishedCheckpoint checkpoint, string? backendName,
        WeightType? storage)
    {
        using IBackend backend = BackendChoice.Create(backendName);
        long start = Stopwatch.GetTimestamp();
        using WeightStore weights = checkpoint.LoadWeights(backend, storage);
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        using var process = Process.GetCurrentProcess();
        string seconds = time.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);
        output.WriteLine($"loaded      {weights.All.Count} weights in {seconds} s, peak memory of the process "
            + Bytes(process.PeakWorkingSet64));
    }

    private static void Print(TextWriter output, string what, IReadOnlyList<string> items)
    {
        if (items.Count > 0)
        {
            output.WriteLine($"{what}: {items.Count}");
            foreach (string item in items.Take(50))
            {
                output.WriteLine($"  {PlainText.OneLine(item)}");
            }

            if (items.Count > 50)
            {
                output.WriteLine($"  and {items.Count - 50} more");
            }
        }
    }

    private static string Bytes(long count) => count switch
    {
        < 1 << 10 => FormattableString.Invariant($"{count} B"),
        < 1 << 20 => FormattableString.Invariant($"{count / 1024.0:0.#} KiB"),
        < 1 << 30 => FormattableString.Invariant($"{count / (double)(1 << 20):0.#} MiB"),
        _ => FormattableString.Invariant($"{count / (double)(1 << 30):0.##} GiB"),
    };
}
