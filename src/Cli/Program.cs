using System.CommandLine;
using PixSearch.Cli;

// px: one command a file under Commands/. Errors that users can cause end in one line and exit code 2.
var root = new RootCommand("PixSearch: models that look, point, search and answer.");
foreach (Command command in CommandList.All())
{
    root.Subcommands.Add(command);
}

return await CommandRunner.RunAsync(root, args);
