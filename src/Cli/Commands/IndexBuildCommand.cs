using System.CommandLine;
using PixSearch.Imaging;
using PixSearch.Retrieval;
using PixSearch.Tensors;

namespace PixSearch.Cli.Commands;

/// <summary><c>px index build</c>: a folder of documents and pictures becomes an index.</summary>
internal static class IndexBuildCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var knowledge = new Argument<string>("KB")
        {
            Description = "Folder with documents.jsonl and the pictures that it names.",
        };
        var output = new Option<string>("--out")
        {
            Description = "Folder of the index; an index that is there is replaced when the new one is complete.",
            Required = true,
        };
        var model = new Option<string>("--model")
        {
            Description = "Folder of the index encoder.",
            DefaultValueFactory = _ => ModelFolders.Encoder,
        };
        var textOnly = new Option<bool>("--text-only") { Description = "Index no pictures." };
        Option<string> backend = BackendChoice.Option();
        var command = new Command("build", "Build an index from a knowledge base.") { knowledge, output, model,
            textOnly, backend };
        command.SetAction(async (parsed, cancellation) =>
        {
            TextWriter console = parsed.InvocationConfiguration.Output;
            using IBackend? engine = parsed.GetValue(textOnly) ? null : BackendChoice.Create(parsed.GetValue(backend));
            using ClipRegionEncoder? encoder = engine is null ? null
                : ClipRegionEncoder.Load(engine, parsed.GetValue(model)!);
            await BuildAsync(parsed.GetValue(knowledge)!, parsed.GetValue(output)!, encoder, console, cancellation)
                .ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static async Task BuildAsync(string folder, string output, IRegionEncoder? encoder, TextWriter console,
        CancellationToken cancellation)
    {
        long started = TimeProvider.System.GetTimestamp();
        var knowledge = new KnowledgeBase(folder);
        int total = CountLines(knowledge.DocumentsPath);
        IndexManifest? manifest = null;
        await CliConsole.ProgressAsync(console, "indexing", total, report =>
        {
            var progress = new Relay(step =>
                report(step.Documents, $"{step.Documents} documents, {step.Pictures} pictures"));
            var builder = new IndexBuilder(encoder, file => PictureCodec.Decode(file));
            manifest = builder.Build(knowledge, output, progress, cancellation);
            return Task.CompletedTask;
        }).ConfigureAwait(false);
        double seconds = TimeProvider.System.GetElapsedTime(started).TotalSeconds;
        await console.WriteLineAsync(
            FormattableString.Invariant($"{output}: {manifest!.Documents} documents, {manifest.Vectors} pictures")
            + FormattableString.Invariant($", {manifest.DatabaseBytes / 1024} KiB in {seconds:0.0} s."))
            .ConfigureAwait(false);
    }

    // Only for the bar: the reader counts for itself.
    private static int CountLines(string path) => File.Exists(path) ? File.ReadLines(path).Count() : 1;

    /// <summary>Reports on the caller's thread, in order; Progress&lt;T&gt; would use the thread pool.</summary>
    private sealed class Relay(Action<IndexProgress> report) : IProgress<IndexProgress>
    {
        public void Report(IndexProgress value) => report(value);
    }
}
