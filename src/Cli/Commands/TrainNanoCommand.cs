using System.CommandLine;
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
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var options = new TrainOptions();
        var command = new Command("nano", "Train a PixSearch model: segmentation, then search-interleaved.");
        options.AddTo(command);
        command.SetAction(parsed => Run(options.Read(parsed)));
        return command;
    }

    private static void Run(TrainArguments arguments)
    {
        TrainingSettings settings = TrainingSettings.Load(arguments.Config);
        string modelFolder = Path.GetDirectoryName(arguments.Config)!;
        string tokenizerFile = Path.Combine(modelFolder, PixSearchFolder.TokenizerFile);
        BpeTokenizer tokenizer = TokenizerJson.Load(tokenizerFile);
        PixSearchConfig config = File.Exists(Path.Combine(modelFolder, PixSearchFolder.ConfigFile))
            ? PixSearchFolder.LoadConfig(modelFolder)
            : PixSearchConfig.Nano(tokenizer.VocabularySize);
        using var inner = new CpuBackend(null, new NativePool(idleBytesMax: TrainOptions.IdleBytesMax));
        using var backend = new AutodiffBackend(inner);
        using var task = new NanoTask(backend, config, tokenizerFile, tokenizer, arguments.Data, settings,
            arguments.Out);
        arguments.LoadInto(task.Weights);
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
        arguments.Train(loop);
    }
}
