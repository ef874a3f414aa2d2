using System.CommandLine;
using PixSearch.Abstractions;
using PixSearch.Cli.Commands;

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
                // The parser lists what would be allowed on lines of their own.
                string[] words = error.Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
                Console.Error.WriteLine($"px: {PlainText.OneLine(string.Join(' ', words))}");
            }

            return BadInput;
        }

        try
        {
            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false };
            if (result.CommandResult.Command.Name == ServeCommand.Name)
            {
                // The server handles SIGTERM and Ctrl+C itself: it drains, which takes longer than the parser would
                // wait.
                configuration.ProcessTerminationTimeout = null;
            }

            return await result.InvokeAsync(configuration);
        }
        catch (PixException error)
        {
            Console.Error.WriteLine($"px: {error.Message}");
            return BadInput;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // What the system says of a path that a user named: no room, no permission, a file for a folder.
            Console.Error.WriteLine($"px: {PlainText.OneLine(error.Message)}");
            return BadInput;
        }
    }
}
