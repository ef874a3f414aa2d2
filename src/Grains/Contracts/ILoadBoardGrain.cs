using Orleans.Concurrency;

namespace PixSearch.Grains.Contracts;

/// <summary>
/// Where silos publish their reports and read everybody's in the same call. Grain key: 0. Holds nothing that cannot
/// be lost: a new activation is complete again after one period.
/// </summary>
[Alias("pixsearch.ILoadBoardGrain")]
public interface ILoadBoardGrain : IGrainWithIntegerKey
{
    /// <summary>
    /// Publishes a silo's report and returns those of all silos, or a sample of 64, none older than three periods.
    /// </summary>
    [Alias("Exchange")]
    [AlwaysInterleave]
    Task<EngineReport[]> ExchangeAsync(EngineReport report);
}
