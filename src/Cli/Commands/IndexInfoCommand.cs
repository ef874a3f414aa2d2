using System.CommandLine;
using System.Text.Json;
using PixSearch.Retrieval;

namespace PixSearch.Cli.Commands;

/// <summary><c>px index info</c>: what an index holds, and whether it is sound.</summary>
internal static class IndexInfoCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var index = new Argument<string>("INDEX") { Description = "Folder of the index." };
        var json = new Option<bool>("--json") { Description = "Print as JSON." };
        var command = new Command("info", "Show what an index holds; checks all of it.") { index, json };
        command.SetAction(parsed =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output;
            using SearchIndex opened = SearchIndex.Open(parsed.GetValue(index)!, null, verify: true);
            IndexManifest manifest = opened.Manifest;
            if (parsed.GetValue(json))
            {
                output.WriteLine(JsonSerializer.Serialize(manifest, JsonSerializerOptions.Web));
                return;
            }

            output.WriteLine($"{opened.Directory}: index of format {manifest.Format}, checked");
            output.WriteLine($"documents  {manifest.Documents}");
            output.WriteLine($"pictures   {manifest.Vectors} (vectors of {manifest.Dimension})");
            output.WriteLine(manifest.Vectors > 0
                ? $"encoder    {manifest.EncoderName} {manifest.EncoderFingerprint}"
                : "encoder    none");
            output.WriteLine($"database   {manifest.DatabaseBytes / 1024} KiB, SHA-256 {manifest.DatabaseSha256}");
        });
        return command;
    }
}
