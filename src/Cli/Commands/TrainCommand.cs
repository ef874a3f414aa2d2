using System.CommandLine;

namespace PixSearch.Cli.Commands;

/// <summary><c>px train</c>: training of the project's own models.</summary>
internal static class TrainCommand
{
    /// <summary>The command with its subcommands.</summary>
    public static Command Create() => new("train", "Train the reference models on data sets of 'px data build'.")
    {
        TrainNanoCommand.Create(),
        TrainRetrieverCommand.Create(),
        BenchTrainCommand.Create("bench"),
    };
}
