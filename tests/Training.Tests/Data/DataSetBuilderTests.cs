using PixSearch.Abstractions;
using PixSearch.Training.Data;

namespace PixSearch.Training.Tests.Data;

/// <summary>Goal: what the builder promises, read from the files of a small set of drawn sources.</summary>
public sealed class DataSetBuilderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("px-data-").FullName;

    [Fact]
    public void Build_HeldOutEntities_OccurNowhereInTraining()
    {
        Build(seed: 5, scenes: 60, "a");

        DataSetFiles.AssertNothingLeaks(Path.Combine(_folder, "a"));
    }

    [Theory]
    [InlineData("train")]
    [InlineData("val")]
    [InlineData("test")]
    public void Build_EverySample_FitsItsPictureMasksAndTrajectory(string split)
    {
        Build(seed: 6, scenes: 30, "a");

        DataSetFiles.AssertSamplesHold(Path.Combine(_folder, "a"), split);
    }

    [Fact]
    public void Build_SameSeed_SameBytes()
    {
        Build(seed: 7, scenes: 10, "a");
        Build(seed: 7, scenes: 10, "b");
        Build(seed: 8, scenes: 10, "c");

        SortedDictionary<string, string> first = DataSetFiles.Hashes(Path.Combine(_folder, "a"));
        Assert.Equal(first, DataSetFiles.Hashes(Path.Combine(_folder, "b")));
        SortedDictionary<string, string> other = DataSetFiles.Hashes(Path.Combine(_folder, "c"));
        Assert.NotEqual(first["train.jsonl"], other["train.jsonl"]);
        Assert.NotEqual(first["images/train/000000.jpg"], other["images/train/000000.jpg"]);
    }

    [Fact]
    public void Build_AllKindsOfQuestion_Occur()
    {
        Build(seed: 9, scenes: 80, "a");

        IReadOnlyList<Sample> samples = Sample.ReadAll(Path.Combine(_folder, "a", "train.jsonl"));
        Assert.Equal(["image", "multihop", "none", "region", "segment", "text", "unanswerable"],
            samples.Select(sample => sample.Kind).Distinct().Order(StringComparer.Ordinal));
        Assert.InRange(samples.Count(sample => sample.View == "ego") / (double)samples.Count, 0.25, 0.55);
        Assert.Contains(samples, sample => sample.Substituted);
        Assert.DoesNotContain(Sample.ReadAll(Path.Combine(_folder, "a", "test.jsonl")), sample => sample.Substituted);
    }

    [Fact]
    public void Split_NameThatAnotherDocumentMentions_IsNotHeldOut()
    {
        SourceSet sources = TinySources.Create();
        var split = new EntitySplit(sources);

        Assert.Equal(4, split.Test.Count);
        Assert.DoesNotContain(split.Test, entity => entity.Name == "Morvik");
        Assert.Equal(16, split.Train.Count);
        Assert.True(split.NamesTestEntity($"Where is {split.Test[0].Name.ToUpperInvariant()}, please?"));
        Assert.False(split.NamesTestEntity("Where is Morvikland?"));
    }

    [Fact]
    public void ReadAll_DamagedLine_NamesTheLine()
    {
        string path = Path.Combine(_folder, "broken.jsonl");
        File.WriteAllText(path, "{\"id\":\n");

        PixException error = Assert.Throws<PixException>(() => Sample.ReadAll(path));

        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        Assert.Contains("Line 1", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Build(ulong seed, int scenes, string name)
    {
        string folder = Path.Combine(_folder, name);
        Directory.CreateDirectory(folder);
        var size = new DataSetSize(seed, scenes, Math.Max(1, scenes / 5), scenes / 2);
        DataSetBuilder.Build(TinySources.Create(), size, null, CancellationToken.None, folder);
    }
}
