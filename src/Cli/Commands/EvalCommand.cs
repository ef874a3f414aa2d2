using System.CommandLine;

namespace PixSearch.Cli.Commands;

/// <summary><c>px eval</c>: measuring models and indexes.</summary>
internal static class EvalCommand
{
    /// <summary>The command with its subcommands.</summary>
    public static Command Create() => new("eval", "Measure answers, masks and retrieval on a data set.")
    {
        EvalQaCommand.Create(),
        EvalSegCommand.Create(),
        EvalRetrievalCommand.Create(),
    };
}
