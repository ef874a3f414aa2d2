using System.CommandLine;
using System.Globalization;
using PixSearch.Cli.Bench;
using PixSearch.Cli.Bench.Train;
using PixSearch.Models.Plum;
using PixSearch.Tensors;
using PixSearch.Tensors.Benchmarks;
using PixSearch.Training.Nano;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px bench train</c> (also <c>px train bench</c>): how fast a training step of pixsearch-nano is, where its time
/// goes, and how fast PyTorch runs the same operations, where it is installed.
/// </summary>
internal static class BenchTrainCommand
{
    /// <summary>The command.</summary>
    public static Command Create(string name = "train")
    {
        var pictures = Number("--pictures", "Pictures a batch.", 8);
        var questions = Number("--questions", "Questions a picture.", 3);
        var tokens = Number("--tokens", "Tokens behind the picture.", 128);
        var spans = Number("--spans", "Masks a question.", 2);
        var steps = Number("--steps", "Steps of a round, after some that are not counted.", 3);
        var rounds = Number("--rounds", "Rounds, in turns with PyTorch.", 2);
        var alone = new Option<bool>("--alone") { Description = "Leave PyTorch out." };
        var cpuTime = new Option<bool>("--cpu-time")
        {
            Description = "Read CPU time, for busy machines; needs PIXSEARCH_THREADS=1.",
        };
        var command = new Command(name, "Time of a training step of pixsearch-nano, operation by operation, and beside "
            + "PyTorch.") { pictures, questions, tokens, spans, steps, rounds, alone, cpuTime };
        command.SetAction(async (parsed, _) =>
        {
            var load = new StepLoad(parsed.GetValue(pictures), parsed.GetValue(questions), parsed.GetValue(tokens),
                parsed.GetValue(spans));
            await RunAsync(load, Math.Max(1, parsed.GetValue(steps)), Math.Max(1, parsed.GetValue(rounds)),
                parsed.GetValue(alone), parsed.GetValue(cpuTime), parsed.InvocationConfiguration.Output);
        });
        return command;
    }

    private static async Task RunAsync(StepLoad load, int steps, int rounds, bool alone, bool cpuTime,
        TextWriter console)
    {
        var clock = new BenchClock(cpuTime);
        string missing = "";
        PyTorchPeer? peer = alone ? null : PyTorchPeer.Find(out missing);
        using TraceBackend? trace = peer is null ? null : Trace(load);
        var ratios = new List<double>();
        double peerMs = 0;
        for (int round = 0; round < rounds; round++)
        {
            StepTimes times;
            string name;
            using (IGradientBackend backend = CpuBackend.Create())
            {
                (name, times) = (backend.Name, load.Measure(backend, steps, clock));
            }

            if (round == 0)
            {
                Print(name, times);
            }

            double ms = times.ForwardMs + times.BackwardMs + times.UpdateMs;
            console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"forward {times.ForwardMs:0} ms, backward {times.BackwardMs:0} ms, update {times.UpdateMs:0} ms; "
                + $"{times.Rows * 1000 / ms:0.0} questions/s"));
            if (peer is not null)
            {
                double[] seconds = await peer.RunAsync(trace!, steps, cpuTime);
                peerMs = seconds.Average() * 1000;
                ratios.Add(peerMs / ms);
                console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"PyTorch {peer.Version}: {peerMs:0} ms, {times.Rows * 1000 / peerMs:0.0} questions/s; "
                    + $"px is {peerMs / ms:0.00} times as fast"));
            }
        }

        if (ratios.Count > 0)
        {
            console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"median of {ratios.Count} rounds: {ratios.Order().ElementAt(ratios.Count / 2):0.00} times PyTorch"));
        }
        else if (!alone)
        {
            console.WriteLine(missing);
        }
    }

    // The same step once, written down.
    private static TraceBackend Trace(StepLoad load)
    {
        using IGradientBackend backend = CpuBackend.Create();
        var trace = new TraceBackend(backend);
        load.Measure(trace, 1, new BenchClock(cpuTime: false));
        return trace;
    }

    private static void Print(string backend, StepTimes times)
    {
        // Of the operations' own times, which are read on the wall.
        double total = times.Operations.Sum(time => time.ForwardMs + time.BackwardMs) + times.UpdateMs;
        var table = new Table().Title($"{backend}: milliseconds a step of {times.Rows} questions");
        table.AddColumns("operation", "calls", "forward", "backward", "share");
        foreach (OperationTime time in times.Operations.Where(time => time.ForwardMs + time.BackwardMs >= 0.05))
        {
            table.AddRow(time.Name, Text($"{time.Count:0}"), Text($"{time.ForwardMs:0.0}"),
                Text($"{time.BackwardMs:0.0}"), Text($"{100 * (time.ForwardMs + time.BackwardMs) / total:0.0} %"));
        }

        table.AddRow("AdamW", "", "", Text($"{times.UpdateMs:0.0}"), Text($"{100 * times.UpdateMs / total:0.0} %"));
        CliConsole.Write(table);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static Option<int> Number(string name, string description, int value) =>
        new(name) { Description = description, DefaultValueFactory = _ => value };

    /// <summary>Sizes of a made-up batch.</summary>
    private sealed record StepLoad(int Pictures, int Questions, int Tokens, int Spans)
    {
        public StepTimes Measure(IGradientBackend backend, int steps, BenchClock clock) => StepBenchmark.Run(backend,
            PixSearchConfig.Nano(4096), Pictures, Questions, Tokens, Spans, steps, () => clock.Now);
    }
}
