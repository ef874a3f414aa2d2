using Orleans.Concurrency;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;
using PixSearch.Grains.Feeds;
using PixSearch.Grains.Placement;
using PixSearch.Grains.Storage;
using PixSearch.Inference.Engine;

namespace PixSearch.Grains;

/// <summary>
/// This silo's engine behind a name. Reentrant: every method only hands over to the engine's own thread or to feeds,
/// and has no state of its own to guard.
/// </summary>
[SiloKeyPlacement]
[Reentrant]
internal sealed class ModelGrain(IEngineHost engine, EventFeeds feeds, SessionStore store) : Grain, IModelGrain
{
    public async Task<bool> TakeAsync(string sessionId, string from)
    {
        try
        {
            // Before the claim: a claim by who then refuses moves the session twice.
            using EnginePlace place = engine.Enter(resumed: from.Length > 0);
            StoredSession? session = await store.ClaimAsync(sessionId, this.GetPrimaryKeyString(), from,
                CancellationToken.None);
            if (session is null)
            {
                return await store.FindEngineAsync(sessionId, CancellationToken.None) is null
                    ? throw new PixException(PixErrorKind.NotFound, $"There is no session '{sessionId}'.")
                    : false;
            }

            await engine.RunAsync(session, place, CancellationToken.None);
            return true;
        }
        catch (PixException error)
        {
            throw GrainErrorException.From(error);
        }
    }

    public Task<bool> HoldsAsync(string sessionId) => Task.FromResult(engine.Find(sessionId) is not null);

    public Task<bool> FollowAsync(string feed, int reader, string sessionId, long fromSequence) =>
        Task.FromResult(feeds.Follow(feed, reader, sessionId, fromSequence));

    public Task LeaveAsync(string feed, int reader)
    {
        feeds.Leave(feed, reader);
        return Task.CompletedTask;
    }

    public Task<EventBatch> NextAsync(string feed) => feeds.NextAsync(feed);

    public Task<bool> CancelAsync(string sessionId) => engine.CancelAsync(sessionId);

    public Task<EngineReport> ReportAsync() => engine.ReportAsync();
}
