using System.Security.Cryptography;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Imaging.Masks;
using PixSearch.Training.Data;

namespace PixSearch.Training.Tests.Data;

/// <summary>Checks that read a data set from its files, as a user would.</summary>
internal static class DataSetFiles
{
    /// <summary>Held-out entities occur in no scene, question, trajectory or evidence of training and
    /// validation.</summary>
    public static void AssertNothingLeaks(string folder)
    {
        HashSet<string> test = TestEntities(folder);
        Assert.NotEmpty(test);
        Dictionary<string, KbDocument> documents = JsonLines
            .Read<KbDocument>(Path.Combine(folder, "kb", "documents.jsonl"))
            .ToDictionary(document => document.Id, StringComparer.Ordinal);
        var names = new NameMatcher(test.Select(id => documents[id].Title));
        foreach (string split in (string[])["train", "val"])
        {
            foreach (Sample sample in Sample.ReadAll(Path.Combine(folder, $"{split}.jsonl")))
            {
                Assert.DoesNotContain(sample.Entities, entity => test.Contains(entity.Id));
                Assert.DoesNotContain(sample.Searches, search => test.Contains(search.Gold));
                // The whole line, so that no field is forgotten.
                Assert.Empty(names.FindAll(JsonSerializer.Serialize(sample, Sample.JsonOptions)));
                foreach (KbDocument document in sample.Searches.Select(search => documents[search.Gold]))
                {
                    Assert.Empty(names.FindAll($"{document.Title} {document.Text}"));
                }
            }
        }

        Assert.All(Sample.ReadAll(Path.Combine(folder, "test.jsonl")).SelectMany(sample => sample.Entities),
            entity => Assert.True(
                test.Contains(entity.Id) || entity.Id.StartsWith("object:", StringComparison.Ordinal)));
    }

    /// <summary>Pictures, masks, spans, searches and answers of every sample fit together.</summary>
    public static void AssertSamplesHold(string folder, string split)
    {
        IReadOnlyList<Sample> samples = Sample.ReadAll(Path.Combine(folder, $"{split}.jsonl"));
        Assert.NotEmpty(samples);
        foreach (Sample sample in samples)
        {
            Assert.True(File.Exists(Path.Combine(folder, sample.Image)), sample.Image);
            AssertMasksHold(sample);
            foreach (SampleSpan span in sample.Spans)
            {
                string phrase = sample.Trajectory[span.Start..span.End];
                Assert.Contains(sample.Entities[span.Entity].Label, phrase, StringComparison.OrdinalIgnoreCase);
            }

            AssertSearchesHold(sample);
            string last = LastSentence(sample.Trajectory);
            if (sample.Stage == 2)
            {
                Assert.Contains(sample.Variants, variant =>
                    new NameMatcher([variant]).IsIn(last) || last.Contains(variant, StringComparison.Ordinal));
            }
        }
    }

    /// <summary>Hash of every file by its path.</summary>
    public static SortedDictionary<string, string> Hashes(string folder)
    {
        var result = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
        {
            result[Path.GetRelativePath(folder, file)] = Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)));
        }

        return result;
    }

    private static void AssertMasksHold(Sample sample)
    {
        byte[] covered = new byte[sample.Width * sample.Height];
        foreach (SampleEntity entity in sample.Entities)
        {
            BinaryMask mask = RleCodec.Decode(entity.Mask.ToRle());
            Assert.Equal((sample.Width, sample.Height), (mask.Width, mask.Height));
            PixelBox box = mask.Box;
            Assert.Equal(entity.Bbox, [box.X, box.Y, box.Width, box.Height]);
            for (int i = 0; i < covered.Length; i++)
            {
                covered[i] += mask.Bits[i];
            }
        }

        // What is seen of one thing is not seen of another.
        Assert.True(covered.Max() <= 1);
    }

    private static void AssertSearchesHold(Sample sample)
    {
        int position = 0;
        foreach (SampleSearch search in sample.Searches)
        {
            int open = sample.Trajectory.IndexOf(SearchProtocol.SearchOpen, position, StringComparison.Ordinal);
            int close = sample.Trajectory.IndexOf(SearchProtocol.SearchClose, open, StringComparison.Ordinal);
            string payload = sample.Trajectory[(open + SearchProtocol.SearchOpen.Length)..close];
            (SearchModality modality, string query) = SearchProtocol.ParsePayload(payload);
            Assert.Equal(search.Modality, modality.ToString(), ignoreCase: true);
            Assert.Equal(search.Query, query);
            if (modality == SearchModality.Region)
            {
                Assert.Contains(sample.Spans, span => span.End == open);
            }

            position = close;
        }

        Assert.Equal(-1, sample.Trajectory.IndexOf(SearchProtocol.SearchOpen, position + 1, StringComparison.Ordinal));
    }

    private static string LastSentence(string trajectory)
    {
        string text = System.Text.RegularExpressions.Regex.Replace(trajectory, "<search>.*?</information>", "");
        return text.Split(". ", StringSplitOptions.RemoveEmptyEntries)[^1];
    }

    private static HashSet<string> TestEntities(string folder)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "dataset.json")));
        return json.RootElement.GetProperty("testEntities").EnumerateArray().Select(item => item.GetString()!)
            .ToHashSet(StringComparer.Ordinal);
    }
}
