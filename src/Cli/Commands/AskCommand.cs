using System.CommandLine;
using System.Text.RegularExpressions;
using PixSearch.Abstractions;
using PixSearch.Cli.Asking;
using PixSearch.Cli.Segmenting;
using PixSearch.Imaging;
using PixSearch.Models.Tasks;
using PixSearch.Node;

namespace PixSearch.Cli.Commands;

/// <summary><c>px ask</c>: one question about one picture, answered on this machine.</summary>
internal static partial class AskCommand
{
    // As many characters as a node takes; one more tells that there were too many.
    private static readonly int s_questionMax = new NodeOptions().QuestionCharactersMax;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var setup = new AskSetup();
        var picture = new Argument<string>("picture") { Description = "JPEG, PNG or WebP file." };
        var question =
            new Argument<string>("question") { Description = "The question; '-' reads it from standard input." };
        Option<SearchMode> mode =
            new("--mode") { Description = "auto, none, text, image or region: which searches are made." };
        Option<int?> budget = new("--budget") { Description = "Most searches (0-32)." };
        Option<string> output = new("--out")
        {
            Description = "Folder for the picture with the masks drawn in.",
            DefaultValueFactory = _ => Path.Combine("out", "ask"),
        };
        Option<bool> json = new("--json") { Description = "Print the events as lines of JSON." };
        Option<float> temperature =
            new("--temperature") { Description = "0 (default) is greedy and deterministic; up to 2." };
        Option<ulong> seed = new("--seed") { Description = "Seed of sampling." };
        Option<int> tokens =
            new("--max-tokens") { Description = "Most tokens of the answer.", DefaultValueFactory = _ => 256 };
        var command = new Command("ask", "Ask a question about a picture.")
        {
            picture, question, mode, budget, output, json, temperature, seed, tokens,
        };
        setup.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            var request = new AnswerRequest
            {
                Question = ReadQuestion(parsed.GetValue(question)!),
                Picture = PictureCodec.ReadFile(parsed.GetValue(picture)!, new NodeOptions().Picture),
                Mode = parsed.GetValue(mode),
                SearchBudget = parsed.GetValue(budget),
                Sampling = new SamplingOptions
                {
                    Temperature = parsed.GetValue(temperature),
                    Seed = parsed.GetValue(seed),
                    MaxTokens = parsed.GetValue(tokens),
                },
            };
            string name = Path.GetFileNameWithoutExtension(parsed.GetValue(picture)!);
            string file = Path.Combine(parsed.GetValue(output)!, $"{name}-masks.png");
            return RunAsync(setup, parsed, request, file, parsed.GetValue(json), cancellation);
        });
        return command;
    }

    private static async Task<int> RunAsync(AskSetup setup, ParseResult parsed, AnswerRequest request, string file,
        bool json,
        CancellationToken cancellation)
    {
        TextWriter console = parsed.InvocationConfiguration.Output;

        // What is wrong with the picture is said before a model is loaded.
        RgbImage picture = PictureCodec.Decode(request.Picture.Span, new NodeOptions().Picture);
        await using NodeAssembly assembly = await setup.OpenAsync(parsed, contexts: 1);
        var printer = new AnswerPrinter(console, json);
        string session = await assembly.Node.StartAsync(request, cancellation);
        await foreach (SessionEvent item in assembly.Node.ReadAsync(session, 0, cancellation))
        {
            printer.Show(item);
        }

        if (printer.End is Failed failed)
        {
            throw new PixException(failed.Kind, failed.Message);
        }

        TextWriter notes = json ? parsed.InvocationConfiguration.Error : console;
        if (printer.Masks.Count > 0)
        {
            OutputFile.Write(file, PictureCodec.EncodePng(printer.Draw(picture)));
            await notes.WriteLineAsync($"masks drawn in: {file}");
        }
        else if (CodebookToken().Count(printer.Text) is > 0 and int tokens)
        {
            await notes.WriteLineAsync(TextSegmenter.CodebookNote(tokens));
        }

        return 0;
    }

    [GeneratedRegex(@"\[SEG[0-5]\]", RegexOptions.CultureInvariant)]
    private static partial Regex CodebookToken();

    private static string ReadQuestion(string argument)
    {
        if (argument != "-")
        {
            return argument;
        }

        var buffer = new char[s_questionMax + 1];
        int read = Console.In.ReadBlock(buffer, 0, buffer.Length);
        return new string(buffer, 0, read).TrimEnd('\n', '\r');
    }
}
