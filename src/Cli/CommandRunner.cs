using System.CommandLine;
using PixSearch.Abstractions;

namespace PixSearch.Cli;

/// <summary>Runs a command line and turns expected errors into one line on stderr and exit code 2.</summary>
internal static class CommandRunner
{
    /// <summary>Exit code for bad input, as for unknown options.</summary>
    public const int BadInput = 2;

    /// <summary>Parses and runs; returns the process's exit code.</summary>
    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        ParseResult result = root.Parse(args);
        if (result.Errors.Count > 0)
        {
            foreach (System.CommandLine.Parsing.ParseError error in result.Errors)
            {
                Console.Error.WriteLine($"px: {error.Message}");
            }

            return BadInput;
        }

        try
        {
            return await result.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (PixException error)
        {
            Console.Error.WriteLine($"px: {error.Message}");
            return BadInput;
        }
    }
}
