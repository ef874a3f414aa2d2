using System.CommandLine;

namespace PixSearch.Cli.Commands;

/// <summary><c>px bench</c>: what this machine does.</summary>
internal static class BenchCommand
{
    /// <summary>The command.</summary>
    public static Command Create() => new("bench", "Measure.")
    {
        BenchKernelsCommand.Create(), BenchDecodeCommand.Create(), BenchTrainCommand.Create(),
        BenchPartsCommand.Create(), BenchServeCommand.Create(), BenchGatewayCommand.Create(),
        BenchAbuseCommand.Create(),
    };
}
