using Orleans.Concurrency;

namespace PixSearch.Grains.Contracts;

/// <summary>
/// One question and its answer: decides which engine computes it and moves it when that engine is lost. Readers take
/// the events from the engine itself. Grain key: the session's id. Its state is the session log in the store, guarded
/// by an epoch, so that of two activations only the later one can go on.
/// </summary>
[Alias("pixsearch.ISessionGrain")]
public interface ISessionGrain : IGrainWithStringKey
{
    /// <summary>Begins the session and names the engine that computes it; calling again for a session that exists does
    /// nothing (the id is the retry key).</summary>
    [Alias("Begin")]
    Task<string> BeginAsync(RequestMessage request);

    /// <summary>
    /// The engine that computes the session; when it is lost or let the session go, another one, which has taken the
    /// session up from its log. May take as long as membership needs to notice a loss.
    /// </summary>
    [Alias("Locate")]
    Task<string> LocateAsync();

    /// <summary>Ends the session. False: there is none, or it is over.</summary>
    [Alias("Cancel")]
    [AlwaysInterleave]
    Task<bool> CancelAsync();
}
