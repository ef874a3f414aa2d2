using System.CommandLine;
using System.Runtime.InteropServices;
using PixSearch.Abstractions;
using PixSearch.Tensors;
using PixSearch.Training.Checkpoints;
using PixSearch.Training.Running;

namespace PixSearch.Cli.Commands;

/// <summary>The options that all training commands share.</summary>
internal sealed class TrainOptions
{
    /// <summary>
    /// What a step allocates is kept for the next one: with less, the kernel zeroes gigabytes of fresh pages a step.
    /// </summary>
    public const long IdleBytesMax = 8L << 30;

    private readonly Option<FileInfo> _config = new("--config")
    {
        Description = "Settings of the run (train.json); the model's other files lie beside it.",
        Required = true,
    };

    private readonly Option<DirectoryInfo[]> _data = new("--data")
    {
        Description = "Folders made by 'px data build'.",
        Required = true,
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<DirectoryInfo> _out = new("--out") { Description = "Folder of the run.", Required = true };
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on from the run's checkpoint." };

    private readonly Option<double?> _minutes = new("--minutes")
    {
        Description = "End after so many minutes; the schedule follows the clock.",
    };

    private readonly Option<long?> _steps = new("--steps") { Description = "Stop after so many steps in all." };
    private readonly Option<string[]> _from = new("--from")
    {
        Description = "Start from these weights: FILE.safetensors, or FILE.safetensors:PREFIX for those whose names "
            + "begin so. May be given several times; later ones win.",
        DefaultValueFactory = _ => [],
    };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_config, _data, _out, _resume, _minutes, _steps, _from])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Their values.</summary>
    public TrainArguments Read(ParseResult parsed)
    {
        double? minutes = parsed.GetValue(_minutes);
        if (minutes is <= 0 or > 100_000)
        {
            throw new PixException(PixErrorKind.InvalidArgument, $"--minutes is {minutes}; it must be in (0, 100000].");
        }

        return new TrainArguments(parsed.GetValue(_config)!.FullName,
            [.. (parsed.GetValue(_data) ?? []).Select(folder => folder.FullName)], parsed.GetValue(_out)!.FullName,
            parsed.GetValue(_resume), minutes, parsed.GetValue(_steps), parsed.GetValue(_from)!);
    }
}

/// <summary>Values of <see cref="TrainOptions"/>.</summary>
internal sealed record TrainArguments(string Config, IReadOnlyList<string> Data, string Out, bool Resume,
    double? Minutes,
    long? Steps, IReadOnlyList<string> From)
{
    /// <summary>Fills weights from <c>--from</c>, unless the run is resumed. Each file is read once.</summary>
    public void LoadInto(IReadOnlyList<Weight> weights)
    {
        var fileOf = new Dictionary<Weight, string>();
        foreach (string from in Resume ? [] : From)
        {
            int colon = from.LastIndexOf(':');
            (string file, string prefix) = colon < 0 ? (from, "") : (from[..colon], from[(colon + 1)..]);
            Weight[] chosen =
                [.. weights.Where(weight => weight.Name.StartsWith(prefix, StringComparison.Ordinal))];
            if (chosen.Length == 0)
            {
                throw new PixException(PixErrorKind.InvalidArgument,
                    $"--from {from}: no weight's name begins with '{prefix}'; see 'px inspect {file}'.");
            }

            foreach (Weight weight in chosen)
            {
                fileOf[weight] = file; // a later one wins
            }
        }

        foreach (IGrouping<string, Weight> group in weights.Where(fileOf.ContainsKey)
            .GroupBy(weight => fileOf[weight], StringComparer.Ordinal))
        {
            TrainingCheckpoint.LoadWeights(group.Key, [.. group]);
        }
    }

    /// <summary>Runs a loop with progress. Ctrl+C and SIGTERM end it after the step, with a checkpoint.</summary>
    public void Train<TBatch>(TrainingLoop<TBatch> loop)
    {
        Directory.CreateDirectory(Out);
        File.Copy(Config, Path.Combine(Out, "train.json"), overwrite: true);
        using var stop = new CancellationTokenSource();
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        TrainingProgress.Show(report => loop.Reported = report, () => loop.Run(Resume, Steps ?? long.MaxValue,
            stop.Token));
    }
}
