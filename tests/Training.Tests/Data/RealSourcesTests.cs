using PixSearch.Training.Data;
using PixSearch.Training.Data.Sources;

namespace PixSearch.Training.Tests.Data;

/// <summary>Goal: the real data sets, small: nothing leaks, everything fits, equal seeds give equal bytes.</summary>
public sealed class RealSourcesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("px-real-").FullName;

    [SourcesFact]
    public async Task Flags_SmallBuild_HoldsAndRepeats()
    {
        SourceSet sources = await FlagSources.LoadAsync(new SourceCache(), CancellationToken.None);

        Assert.Equal(250, sources.Entities.Count);
        var split = new EntitySplit(sources);
        Assert.Equal(50, split.Test.Count);
        // The committed samples show only countries that training has never seen.
        Assert.All(SampleSources.EntityIds, id => Assert.True(split.IsTest(id), id));
        AssertBuild(sources);
    }

    [SourcesFact]
    public async Task Market_SmallBuild_HoldsAndRepeats()
    {
        SourceSet sources = await MarketSources.LoadAsync(new SourceCache(), CancellationToken.None);

        Assert.InRange(sources.Entities.Count, 350, 500);
        Assert.InRange(sources.Entities.Select(entity => entity.Label).Distinct().Count(), 8, 20);
        AssertBuild(sources);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void AssertBuild(SourceSet sources)
    {
        string first = Path.Combine(_folder, "first"), second = Path.Combine(_folder, "second");
        foreach (string folder in (string[])[first, second])
        {
            Directory.CreateDirectory(folder);
            DataSetBuilder.Build(sources, new DataSetSize(3, 24, 3, 10), null, CancellationToken.None, folder);
        }

        DataSetFiles.AssertNothingLeaks(first);
        DataSetFiles.AssertSamplesHold(first, "train");
        DataSetFiles.AssertSamplesHold(first, "test");
        Assert.Equal(DataSetFiles.Hashes(first), DataSetFiles.Hashes(second));
    }
}
