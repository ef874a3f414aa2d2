using System.CommandLine;
using PixSearch.Cli.Commands;

namespace PixSearch.Cli;

/// <summary>The commands of <c>px</c>, in the order in which the help shows them.</summary>
internal static class CommandList
{
    /// <summary>All commands.</summary>
    public static IEnumerable<Command> All()
    {
        yield return DemoCommand.Create();
        yield return AskCommand.Create();
        yield return DataCommand.Create();
        yield return InspectCommand.Create();
        yield return ConvertCommand.Create();
        yield return CheckFixtureCommand.Create();
        yield return SegmentCommand.Create();
        yield return DescribeCommand.Create();
        yield return TrainCommand.Create();
        yield return BenchCommand.Create();
        yield return IndexCommand.Create();
        yield return EvalCommand.Create();
        yield return ServeCommand.Create();
    }
}
