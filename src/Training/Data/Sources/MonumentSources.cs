using PixSearch.Abstractions;

namespace PixSearch.Training.Data.Sources;

/// <summary>The data set "monuments".</summary>
public static class MonumentSources
{
    public static Task<DataSetCounts> BuildAsync(SourceCache cache, CancellationToken cancellation, string folder) =>
        throw new PixException(PixErrorKind.Unavailable, "not yet");
}
