using System.CommandLine;

namespace PixSearch.Cli.Commands;

/// <summary><c>px data</c>: making data sets and what is learned from them alone.</summary>
internal static class DataCommand
{
    /// <summary>The command with its subcommands.</summary>
    public static Command Create() => new("data", "Make data sets and vocabularies.")
    {
        DataBuildCommand.Create(),
        DataTokenizerCommand.Create(),
    };
}
