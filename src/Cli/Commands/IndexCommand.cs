using System.CommandLine;

namespace PixSearch.Cli.Commands;

/// <summary><c>px index</c>: making and asking indexes.</summary>
internal static class IndexCommand
{
    /// <summary>The command with its subcommands.</summary>
    public static Command Create() => new("index", "Build, search and inspect indexes of knowledge bases.")
    {
        IndexBuildCommand.Create(),
        IndexSearchCommand.Create(),
        IndexInfoCommand.Create(),
    };
}
