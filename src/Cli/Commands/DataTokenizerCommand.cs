using System.CommandLine;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Models.Tokenizers;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px data tokenizer</c>: learns the vocabulary of the project's own models from what training may see of data sets:
/// questions and trajectories of train.jsonl, and the documents about entities that occur there.
/// </summary>
internal static class DataTokenizerCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var data = new Option<DirectoryInfo[]>("--data")
        {
            Description = "Folders made by 'px data build'.",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
        };
        var output = new Option<FileInfo>("--out") { Description = "tokenizer.json to write.", Required = true };
        var vocabulary = new Option<int>("--vocab")
        {
            Description = "Most ids, added tokens and bytes included.",
            DefaultValueFactory = _ => 4096,
        };
        var command = new Command("tokenizer", "Learn a byte-level tokenizer.json from the training part of data sets.")
        {
            data, output, vocabulary,
        };
        command.SetAction(parsed => Run(parsed.GetValue(data) ?? [], parsed.GetValue(output)!,
            parsed.GetValue(vocabulary), parsed.InvocationConfiguration.Output));
        return command;
    }

    private static int Run(DirectoryInfo[] folders, FileInfo output, int vocabularySize, TextWriter console)
    {
        int smallest = BpeTrainer.PixSearchTokens.Count + 256;
        if (vocabularySize < smallest || vocabularySize > 1_000_000)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"--vocab is {vocabularySize}; it must be {smallest} (added tokens and bytes) to 1000000.");
        }

        var trainer = new BpeTrainer(BpeTrainer.PixSearchTokens);
        long texts = 0;
        long characters = 0;
        foreach (string text in folders.SelectMany(folder => TrainingTexts(folder.FullName)))
        {
            trainer.Add(text);
            texts++;
            characters += text.Length;
        }

        BpeTrainingResult result = trainer.Train(vocabularySize);
        output.Directory?.Create();
        File.WriteAllBytes(output.FullName, result.ToTokenizerJson());
        console.WriteLine(
            $"{output.FullName}: {result.VocabularySize} tokens from {texts} texts of {characters} characters.");
        return 0;
    }

    private static IEnumerable<string> TrainingTexts(string folder)
    {
        var entities = new HashSet<string>(StringComparer.Ordinal);
        foreach (JsonElement sample in Lines(Path.Combine(folder, "train.jsonl")))
        {
            foreach (string property in (string[])["question", "trajectory"])
            {
                if (sample.TryGetProperty(property, out JsonElement text) && text.ValueKind == JsonValueKind.String)
                {
                    yield return text.GetString()!;
                }
            }

            if (sample.TryGetProperty("entities", out JsonElement list) && list.ValueKind == JsonValueKind.Array)
            {
                foreach (JsonElement entity in list.EnumerateArray())
                {
                    entities.Add(entity.GetProperty("id").GetString() ?? "");
                }
            }
        }

        string documents = Path.Combine(folder, "kb", "documents.jsonl");
        if (!File.Exists(documents))
        {
            yield break;
        }

        foreach (JsonElement document in Lines(documents))
        {
            if (document.TryGetProperty("entity", out JsonElement entity) && entity.ValueKind == JsonValueKind.String
                && entities.Contains(entity.GetString()!))
            {
                // As an entry of evidence reads (SearchProtocol.FormatEvidence).
                yield return $"{document.GetProperty("title").GetString()}: {document.GetProperty("text").GetString()}";
            }
        }
    }

    private static IEnumerable<JsonElement> Lines(string path)
    {
        if (!File.Exists(path))
        {
            throw new PixException(PixErrorKind.NotFound,
                $"There is no '{path}'; --data takes folders of 'px data build'.");
        }

        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (line.Length == 0)
            {
                continue;
            }

            JsonElement element;
            try
            {
                using JsonDocument document = JsonDocument.Parse(line);
                element = document.RootElement.Clone();
            }
            catch (JsonException error)
            {
                throw new PixException(PixErrorKind.BrokenArtifact, $"'{path}' line {number}: {error.Message}", error);
            }

            yield return element;
        }
    }
}
