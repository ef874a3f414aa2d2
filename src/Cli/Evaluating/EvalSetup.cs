using System.CommandLine;
using System.Security.Cryptography;
using PixSearch.Abstractions;
using PixSearch.Cli.Asking;
using PixSearch.Evaluation;
using PixSearch.Inference.Engine;
using PixSearch.Node;
using PixSearch.Retrieval;

namespace PixSearch.Cli.Evaluating;

/// <summary>The options of commands that ask the questions of a data set.</summary>
internal sealed class EvalSetup
{
    /// <summary>Model, index, encoder, backend.</summary>
    public AskSetup Ask { get; } = new();

    /// <summary>The data set.</summary>
    public Option<string> Data { get; } =
        new("--data") { Description = "Folder made by 'px data build'.", Required = true };

    /// <summary>Which part of it.</summary>
    public Option<string> Split { get; } = new("--split")
    {
        Description = "test, val or train.",
        DefaultValueFactory = _ => "test",
    };

    /// <summary>How many questions.</summary>
    public Option<int> Limit { get; } =
        new("--limit") { Description = "Most questions, spread evenly over the file; 0 = all." };

    /// <summary>How many at once.</summary>
    public Option<int> Parallel { get; } = new("--parallel")
    {
        Description = "Questions under way at once.",
        DefaultValueFactory = _ => 8,
    };

    /// <summary>Where results go.</summary>
    public Option<string?> Output { get; } = new("--out")
    {
        Description = "Folder for answers, CSV and picture; a run that was interrupted goes on there.",
    };

    /// <summary>JSON instead of tables.</summary>
    public Option<bool> Json { get; } = new("--json") { Description = "Print the result as JSON." };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[Data, Split, Limit, Parallel, Output, Json])
        {
            command.Add(option);
        }

        Ask.AddTo(command);
    }

    /// <summary>Opens the node with room for the questions under way.</summary>
    public Task<NodeAssembly> OpenAsync(ParseResult parsed)
    {
        int parallel = parsed.GetValue(Parallel);
        return Ask.OpenAsync(parsed, Math.Clamp(parallel, 1, 64),
            new EngineOptions { RunningMax = Math.Max(1, parallel) });
    }

    /// <summary>The questions that a filter lets through, at most <c>--limit</c> of them, spread evenly.</summary>
    public IReadOnlyList<EvalSample> Choose(ParseResult parsed, EvalDataset data, Func<EvalSample, bool> filter)
    {
        EvalSample[] all = [.. data.Samples.Where(filter)];
        int limit = parsed.GetValue(Limit);
        if (limit < 0 || all.Length == 0)
        {
            throw new PixException(PixErrorKind.InvalidArgument, limit < 0
                ? $"--limit is {limit}; it must be 0 (all) or more."
                : $"{data.Directory} has no fitting questions in split {data.Split}.");
        }

        return limit == 0 || limit >= all.Length
            ? all
            : [.. Enumerable.Range(0, limit).Select(i => all[(long)i * all.Length / limit])];
    }

    /// <summary>
    /// What was run, for the header of a log: folders by content, so that new weights or another index never continue
    /// old answers.
    /// </summary>
    public string Describe(ParseResult parsed, EvalDataset data, string what)
    {
        string model = AskSetup.FolderOf("model", parsed.GetValue(Ask.Model)!);
        string weights = string.Join('+', Directory.EnumerateFiles(model, "*.safetensors")
            .Order(StringComparer.Ordinal).Select(Hash));
        string indexes = string.Join('+', (parsed.GetValue(Ask.Index) ?? [])
            .Select(folder => IndexManifest.Read(folder))
            .Select(manifest => $"{manifest.DatabaseSha256[..16]}/{manifest.EncoderFingerprint}"));
        string questions = Hash(Path.Combine(data.Directory, $"{data.Split}.jsonl"));
        return $"{what}; data {questions}; model {weights}; index {indexes}";
    }

    private static string Hash(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream))[..16];
    }
}
