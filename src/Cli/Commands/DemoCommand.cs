using System.CommandLine;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Cli.Asking;
using PixSearch.Evaluation;
using PixSearch.Imaging;
using PixSearch.Node;
using PixSearch.Retrieval;
using PixSearch.Tensors;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px demo</c>: the main job on the committed sample pictures. Builds the index of the sample knowledge base,
/// answers the questions
/// of <c>demo.json</c> as <c>px ask</c> would, says which answers are right, and leaves the pictures with their masks
/// in a folder.
/// </summary>
internal static class DemoCommand
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var setup = new AskSetup();
        Option<string> samples =
            new("--samples") { DefaultValueFactory = _ => "samples", Description = "Folder with demo.json." };
        Option<string> output =
            new("--out") { DefaultValueFactory = _ => Path.Combine("out", "demo"), Description = "Folder." };
        Option<int> count =
            new("--count") { DefaultValueFactory = _ => 8, Description = "Questions to ask; 0 for all." };
        var command = new Command("demo", "Answer questions about the sample pictures.") { samples, output, count };
        setup.AddTo(command);
        command.SetAction((parsed, cancellation) => RunAsync(setup, parsed, parsed.GetValue(samples)!,
            parsed.GetValue(output)!, parsed.GetValue(count), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(AskSetup setup, ParseResult parsed, string samples, string output,
        int count,
        CancellationToken cancellation)
    {
        TextWriter console = parsed.InvocationConfiguration.Output;
        DemoFile demo = Read(Path.Combine(samples, "demo.json"));
        IReadOnlyList<DemoQuestion> questions = Choose(demo.Questions, count);
        string index = BuildIndex(setup, parsed, Path.Combine(samples, demo.Knowledge), Path.Combine(output, "index"));
        await using NodeAssembly assembly = await setup.OpenAsync(parsed, contexts: 1, index: index);
        int right = 0;
        for (int i = 0; i < questions.Count; i++)
        {
            DemoQuestion asked = questions[i];
            console.WriteLine($"\n[{i + 1}/{questions.Count}] {asked.Picture}  {asked.Question}");
            byte[] file = PictureCodec.ReadFile(Path.Combine(samples, asked.Picture), new NodeOptions().Picture);
            var printer = new AnswerPrinter(console, json: false);
            string id = await assembly.Node.StartAsync(new AnswerRequest { Question = asked.Question, Picture = file },
                cancellation);
            await foreach (SessionEvent item in assembly.Node.ReadAsync(id, 0, cancellation))
            {
                printer.Show(item);
            }

            if (printer.End is Failed failed)
            {
                throw new PixException(failed.Kind, failed.Message);
            }

            // CRAG's scores count every "I don't know" as missing; here it can be what was wanted.
            Verdict wanted = asked.Answer.Contains(SearchProtocol.DontKnow, StringComparison.OrdinalIgnoreCase)
                ? Verdict.Missing
                : Verdict.Correct;
            bool good = AnswerScorer.Score(printer.Text, [asked.Answer, .. asked.Variants ?? []]) == wanted;
            right += good ? 1 : 0;
            console.WriteLine(good ? "right" : $"wrong: expected \"{asked.Answer}\"");
            string overlay = Path.Combine(output, $"{i + 1:00}-{Path.GetFileNameWithoutExtension(asked.Picture)}.png");
            await File.WriteAllBytesAsync(overlay, PictureCodec.EncodePng(printer.Draw(PictureCodec.Decode(file))),
                cancellation);
        }

        console.WriteLine($"\n{right} of {questions.Count} right; pictures with their masks: {output}");
        return 0;
    }

    /// <summary>One question of each picture and kind in turn, so that a few show all there is.</summary>
    private static IReadOnlyList<DemoQuestion> Choose(IReadOnlyList<DemoQuestion> questions, int count)
    {
        if (count <= 0 || count >= questions.Count)
        {
            return questions;
        }

        var chosen = new List<DemoQuestion>();
        List<DemoQuestion> left = [.. questions];
        while (chosen.Count < count && left.Count > 0)
        {
            DemoQuestion next = left
                .OrderBy(item => chosen.Count(other => other.Kind == item.Kind))
                .ThenBy(item => chosen.Count(other => other.Picture == item.Picture))
                .First();
            chosen.Add(next);
            left.Remove(next);
        }

        return chosen;
    }

    private static string BuildIndex(AskSetup setup, ParseResult parsed, string knowledge, string output)
    {
        using IBackend backend = BackendChoice.Create(parsed.GetValue(setup.Backend));
        using ClipRegionEncoder encoder =
            ClipRegionEncoder.Load(backend, AskSetup.FolderOf("index encoder", parsed.GetValue(setup.Encoder)!));
        new IndexBuilder(encoder, file => PictureCodec.Decode(file)).Build(new KnowledgeBase(knowledge), output);
        return output;
    }

    private static DemoFile Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<DemoFile>(File.ReadAllText(path), s_json)
                ?? throw new JsonException("it is null");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PixException(PixErrorKind.NotFound, $"There are no sample questions '{path}' (--samples).",
                error);
        }
        catch (JsonException error)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{path}' is no file of sample questions: {error.Message}", error);
        }
    }

    private sealed record DemoFile(string Knowledge, IReadOnlyList<DemoQuestion> Questions);

    private sealed record DemoQuestion(string Picture, string Kind, string Question, string Answer,
        IReadOnlyList<string>? Variants);
}
