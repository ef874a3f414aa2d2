using System.CommandLine;
using PixSearch.Models.Plum;
using PixSearch.Tensors;
using PixSearch.Training.Nano;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary><c>px train bench</c>: where the time of a training step goes.</summary>
internal static class TrainBenchCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var pictures = Number("--pictures", "Pictures a batch.", 8);
        var questions = Number("--questions", "Questions a picture.", 3);
        var tokens = Number("--tokens", "Tokens behind the picture.", 128);
        var spans = Number("--spans", "Masks a question.", 2);
        var steps = Number("--steps", "Steps to average over, after one that is not counted.", 3);
        var command = new Command("bench", "Time of a training step of pixsearch-nano, operation by operation.")
        {
            pictures, questions, tokens, spans, steps,
        };
        command.SetAction(parsed =>
        {
            using IGradientBackend backend = CpuBackend.Create();
            StepTimes times = StepBenchmark.Run(backend, PixSearchConfig.Nano(4096), parsed.GetValue(pictures),
                parsed.GetValue(questions), parsed.GetValue(tokens), parsed.GetValue(spans), parsed.GetValue(steps));
            Print(backend.Name, times);
        });
        return command;
    }

    private static void Print(string backend, StepTimes times)
    {
        var table = new Table().Title($"{backend}: milliseconds a step of {times.Rows} questions");
        table.AddColumns("operation", "calls", "forward", "backward");
        foreach (OperationTime time in times.Operations.Where(time => time.ForwardMs + time.BackwardMs >= 0.05))
        {
            table.AddRow(time.Name, $"{time.Count:0}", $"{time.ForwardMs:0.0}", $"{time.BackwardMs:0.0}");
        }

        AnsiConsole.Write(table);
        double total = times.ForwardMs + times.BackwardMs + times.UpdateMs;
        AnsiConsole.WriteLine($"forward {times.ForwardMs:0} ms, backward {times.BackwardMs:0} ms, update "
            + $"{times.UpdateMs:0} ms; {times.Rows * 1000 / total:0.0} questions/s");
    }

    private static Option<int> Number(string name, string description, int value) =>
        new(name) { Description = description, DefaultValueFactory = _ => value };
}
