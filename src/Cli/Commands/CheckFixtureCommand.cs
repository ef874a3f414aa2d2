using System.CommandLine;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Parity;
using PixSearch.Tensors;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px check-fixture</c>: runs the model of a file of reference tensors and prints how far each output is from the
/// authors'.
/// </summary>
internal static class CheckFixtureCommand
{
    private const int OutOfTolerance = 1;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var files = new Argument<FileInfo[]>("file")
        {
            Description = "Safetensors files with weights, inputs and reference outputs (test.*).",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<string> backend = BackendChoice.Option();
        var command = new Command("check-fixture", "Compare a model's outputs with reference tensors.") { files,
            backend };
        command.SetAction(parsed => Run(parsed.GetValue(files)!, parsed.GetValue(backend),
            parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error));
        return command;
    }

    private static int Run(FileInfo[] files, string? backendName, TextWriter console, TextWriter errors)
    {
        using IBackend backend = BackendChoice.Create(backendName);
        int exit = 0;
        foreach (FileInfo file in files)
        {
            try
            {
                using var tensors = new SafetensorsFile(file.FullName);
                ParityReport report = ParityChecker.Check(backend, tensors);
                Print(file, backend, report, console);
                exit = report.Passed ? exit : Math.Max(exit, OutOfTolerance);
            }
            catch (PixException error)
            {
                errors.WriteLine($"px: {file.Name}: {error.Message}");
                exit = CommandRunner.BadInput;
            }
        }

        return exit;
    }

    private static void Print(FileInfo file, IBackend backend, ParityReport report, TextWriter console)
    {
        string verdict = report.Passed ? "ok" : "OUT OF TOLERANCE";
        string numbers = FormattableString.Invariant(
            $"largest error {report.ErrorMax:0.0e+00} (tolerance {ParityReport.Tolerance:0.0e+00})");
        console.WriteLine($"{file.Name}: {report.Kind} on {backend.Name}: {verdict}, {numbers}");
        int width = report.Results.Max(result => result.Output.Length);
        foreach (ParityResult result in report.Results)
        {
            string mark = result.Error <= ParityReport.Tolerance ? " " : "!";
            console.WriteLine(FormattableString.Invariant(
                $"  {mark} {result.Output.PadRight(width)}  {result.Error:0.0e+00}  {result.Path}"));
        }
    }
}
