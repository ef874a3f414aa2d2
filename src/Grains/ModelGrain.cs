using Orleans.Concurrency;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;
using PixSearch.Grains.Placement;
using PixSearch.Grains.Storage;

namespace PixSearch.Grains;

/// <summary>
/// This silo's engine behind a name. Reentrant: every method only hands over to the engine's own thread and has no
/// state of its own to guard.
/// </summary>
[SiloKeyPlacement]
[Reentrant]
internal sealed class ModelGrain(IEngineHost engine, SessionStore store) : Grain, IModelGrain
{
    public async Task RunAsync(string sessionId)
    {
        try
        {
            StoredSession session = await store.ClaimAsync(sessionId, this.GetPrimaryKeyString(),
                    CancellationToken.None)
                ?? throw new PixException(PixErrorKind.NotFound, $"There is no session '{sessionId}'.");
            await engine.RunAsync(session, CancellationToken.None);
        }
        catch (PixException error)
        {
            throw GrainErrorException.From(error);
        }
    }

    public IAsyncEnumerable<EventMessage> ReadAsync(string sessionId, long fromSequence,
        CancellationToken cancellation) =>
        WireEvents.ToMessages(engine.ReadAsync(sessionId, fromSequence, cancellation));

    public Task<bool> CancelAsync(string sessionId) => engine.CancelAsync(sessionId);

    public Task<EngineReport> ReportAsync() => engine.ReportAsync();
}
