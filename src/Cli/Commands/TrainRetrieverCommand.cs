using System.CommandLine;
using PixSearch.Autodiff;
using PixSearch.Retrieval;
using PixSearch.Tensors;
using PixSearch.Training.Retriever;
using PixSearch.Training.Running;

namespace PixSearch.Cli.Commands;

/// <summary><c>px train retriever</c>: trains the image encoder of the index.</summary>
internal static class TrainRetrieverCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var options = new TrainOptions();
        var command = new Command("retriever", "Train the index's image encoder: crops against pictures of documents.");
        options.AddTo(command);
        command.SetAction(parsed => Run(options.Read(parsed)));
        return command;
    }

    private static void Run(TrainArguments arguments)
    {
        RetrieverSettings settings = RetrieverSettings.Load(arguments.Config);
        var instances = InstanceSet.Load(arguments.Data, settings.StoredSide, settings.CropsPerInstance,
            settings.HeldOutShare,
            settings.Seed);
        using var inner = new CpuBackend(null, new NativePool(idleBytesMax: TrainOptions.IdleBytesMax));
        using var backend = new AutodiffBackend(inner);
        using var task = new RetrieverTask(backend, RetrieverConfig.Nano, instances, settings);
        arguments.LoadInto(task.Weights);
        long parameters = task.Weights.Sum(weight => (long)weight.Shape.Count);
        int crops = instances.Training.Sum(instance => instance.Crops.Count);
        Console.WriteLine($"{parameters:N0} parameters; {instances.Training.Count} instances with {crops} crops, "
            + $"{instances.HeldOut.Count} kept aside; {inner.Name}");
        var loop = new TrainingLoop<RetrieverBatch>(task, backend, new LoopOptions
        {
            Folder = arguments.Out,
            Stages = settings.Stages,
            Optimizer = settings.Optimizer,
            Seed = settings.Seed,
            GradientNormMax = settings.GradientNormMax,
            Minutes = arguments.Minutes,
            CheckpointMinutes = settings.CheckpointMinutes,
            EvaluateMinutes = settings.EvaluateMinutes,
        });
        arguments.Train(loop);
    }
}
