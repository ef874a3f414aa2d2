using System.Text.Json;
using PixSearch.Imaging;
using PixSearch.Training.Data;

namespace PixSearch.Training.Tests.Data;

/// <summary>Goal: the committed samples fit together: pictures decode, and the knowledge base holds every answer
/// searched for.</summary>
public sealed class SampleFilesTests
{
    [Fact]
    public void Demo_EveryQuestion_HasItsPictureAndItsAnswer()
    {
        string samples = Path.Combine(Root(), "samples");
        IReadOnlyList<KbDocument> documents =
            JsonLines.Read<KbDocument>(Path.Combine(samples, "kb", "documents.jsonl"));
        using JsonDocument demo = JsonDocument.Parse(File.ReadAllText(Path.Combine(samples, "demo.json")));
        List<JsonElement> questions = demo.RootElement.GetProperty("questions").EnumerateArray().ToList();

        Assert.InRange(questions.Count, 8, 20);
        foreach (JsonElement question in questions)
        {
            RgbImage picture = PictureCodec.DecodeFile(
                Path.Combine(samples, question.GetProperty("picture").GetString()!));
            Assert.Equal((384, 384), (picture.Width, picture.Height));
            string answer = question.GetProperty("answer").GetString()!;
            if (question.GetProperty("kind").GetString() is "region" or "multihop" or "text")
            {
                Assert.Contains(documents, document => new NameMatcher([answer]).IsIn(document.Text));
            }
        }
    }

    [Fact]
    public void Knowledge_EveryPicture_Decodes()
    {
        string knowledge = Path.Combine(Root(), "samples", "kb");
        List<KbDocument> shown = JsonLines.Read<KbDocument>(Path.Combine(knowledge, "documents.jsonl"))
            .Where(document => document.Picture is not null).ToList();

        Assert.Equal(SampleEntityIds(), shown.Select(document => document.Id));
        Assert.All(shown, document => PictureCodec.DecodeFile(Path.Combine(knowledge, document.Picture!)));
    }

    private static IEnumerable<string> SampleEntityIds() => PixSearch.Training.Data.Sources.SampleSources.EntityIds;

    private static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "PixSearch.Cluster.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("The repository's root was not found.");
    }
}
