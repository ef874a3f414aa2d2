using System.CommandLine;
using PixSearch.Abstractions;
using PixSearch.Autodiff;
using PixSearch.Models.Families;
using PixSearch.Models.Plum;
using PixSearch.Models.Tokenizers;
using PixSearch.Tensors;
using PixSearch.Training.Loading;
using PixSearch.Training.Nano;
using PixSearch.Training.Running;
using PixSearch.Training.Settings;

namespace PixSearch.Cli.Commands;

/// <summary><c>px train nano</c>: trains pixsearch-nano, or another PixSearch configuration, in two stages.</summary>
internal static class TrainNanoCommand
{
    // What a step allocates is kept for the next one: with less, the kernel zeroes gigabytes of fresh pages a step.
    private const long IdleBytesMax = 8L << 30;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var options = new Options();
        var command = new Command("nano", "Train a PixSearch model: segmentation, then search-interleaved.");
        options.AddTo(command);
        command.SetAction((parsed, cancel) =>
        {
            Run(options.Read(parsed), cancel);
            return Task.CompletedTask;
        });
        return command;
    }

    private static void Run(Arguments arguments, CancellationToken cancel)
    {
        TrainingSettings settings = TrainingSettings.Load(arguments.Config);
        string modelFolder = Path.GetDirectoryName(Path.GetFullPath(arguments.Config))!;
        string tokenizerFile = arguments.Tokenizer ?? Path.Combine(modelFolder, PixSearchFolder.TokenizerFile);
        BpeTokenizer tokenizer = TokenizerJson.Load(tokenizerFile);
        PixSearchConfig config = File.Exists(Path.Combine(modelFolder, PixSearchFolder.ConfigFile))
            ? PixSearchFolder.LoadConfig(modelFolder)
            : PixSearchConfig.Nano(tokenizer.VocabularySize);
        using var inner = new CpuBackend(null, new NativePool(idleBytesMax: IdleBytesMax));
        using var backend = new AutodiffBackend(inner);
        using var task = new NanoTask(backend, config, tokenizerFile, tokenizer, arguments.Data, settings, arguments.Out);
        if (arguments.From is { } from && !arguments.Resume)
        {
            task.LoadWeights(from);
        }

        Console.WriteLine($"{task.ParameterCount:N0} parameters; {task.TrainingSet.Count} samples of "
            + $"{task.TrainingSet.Groups.Count} pictures ({task.TrainingSet.SkippedCount} too long); {inner.Name}");
        var loop = new TrainingLoop<TrainingBatch>(task, backend, new LoopOptions
        {
            Folder = arguments.Out,
            Stages = settings.Stages,
            Optimizer = settings.Optimizer,
            Seed = settings.Seed,
            Accumulation = settings.Accumulation,
            GradientNormMax = settings.GradientNormMax,
            Minutes = arguments.Minutes,
            CheckpointMinutes = settings.CheckpointMinutes,
            EvaluateMinutes = settings.EvaluateMinutes,
        });
        File.Copy(arguments.Config, Path.Combine(Directory.CreateDirectory(arguments.Out).FullName, "train.json"), true);
        TrainingProgress.Show(report => loop.Reported = report,
            () => loop.Run(arguments.Resume, arguments.Steps ?? long.MaxValue, cancel));
    }

    private sealed record Arguments(string Config, string? Tokenizer, IReadOnlyList<string> Data, string Out, bool Resume,
        double? Minutes, long? Steps, string? From);

    private sealed class Options
    {
        private readonly Option<FileInfo> _config = new("--config")
        {
            Description = "Settings of the run (train.json); config.json and tokenizer.json lie beside it.",
            Required = true,
        };

        private readonly Option<FileInfo?> _tokenizer = new("--tokenizer") { Description = "Another tokenizer.json." };

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
        private readonly Option<FileInfo?> _from = new("--from") { Description = "Start from these weights (safetensors)." };

        public void AddTo(Command command)
        {
            foreach (Option option in (Option[])[_config, _tokenizer, _data, _out, _resume, _minutes, _steps, _from])
            {
                command.Options.Add(option);
            }
        }

        public Arguments Read(ParseResult parsed)
        {
            double? minutes = parsed.GetValue(_minutes);
            if (minutes is <= 0 or > 100_000)
            {
                throw new PixException(PixErrorKind.InvalidArgument, $"--minutes is {minutes}; it must be in (0, 100000].");
            }

            return new Arguments(parsed.GetValue(_config)!.FullName, parsed.GetValue(_tokenizer)?.FullName,
                [.. (parsed.GetValue(_data) ?? []).Select(folder => folder.FullName)], parsed.GetValue(_out)!.FullName,
                parsed.GetValue(_resume), minutes, parsed.GetValue(_steps), parsed.GetValue(_from)?.FullName);
        }
    }
}
