using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Runtime;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;
using PixSearch.Grains.Placement;
using PixSearch.Grains.Storage;
using PixSearch.Inference.Placement;

namespace PixSearch.Grains;

/// <summary>
/// Finds an engine for its session and keeps it going: when the engine is lost, another one claims the session and
/// replays its log.
/// </summary>
/// <remarks>
/// Reentrant, since streamed reads interleave anyhow (enumeration calls are always-interleave); what must not
/// overlap, choosing and
/// starting an engine, is guarded by the grain's own gate. All of its state is in the store; losing the activation
/// loses nothing, and the engine goes on meanwhile.
/// </remarks>
[EnginePlacement]
[Reentrant]
internal sealed partial class SessionGrain(SessionStore store, LoadView view, IEngineHost local,
    ILocalSiloDetails silo, TimeProvider time, ILogger<SessionGrain> log) : Grain, ISessionGrain
{
    // An engine that refuses is not asked again for this session; with every engine asked once the session fails as
    // overloaded.
    private const int EnginesTriedMax = 8;

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly SeededRandom _random = new((ulong)Environment.TickCount64);
    private string? _engine;
    private EngineWish? _wish;

    public async Task StartAsync(RequestMessage request)
    {
        AnswerRequest answer = WireEvents.ToRequest(request);
        _wish = EngineWishes.For(answer, request.PictureHash);
        bool created;
        try
        {
            created = await store.CreateAsync(this.GetPrimaryKeyString(), answer, request.PictureHash,
                CancellationToken.None);
        }
        catch (PixException error)
        {
            throw GrainErrorException.From(error);
        }

        await PlaceAsync(lost: null, created);
    }

    public async IAsyncEnumerable<EventMessage> ReadAsync(long fromSequence,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        string id = this.GetPrimaryKeyString();
        long next = fromSequence;
        while (true)
        {
            string engine = await EngineAsync();
            var events = new StreamReader<EventMessage>(left => Open(engine, id, next, left), cancellation);
            try
            {
                while (true)
                {
                    bool? found;
                    try
                    {
                        found = await events.NextAsync(WireEvents.HeartbeatPeriod, time, cancellation);
                    }
                    catch (Exception error) when (IsLoss(error, cancellation))
                    {
                        EngineLost(log, id, engine, next, error.Message);
                        break;
                    }

                    if (found is null)
                    {
                        yield return WireEvents.Heartbeat;
                        continue;
                    }

                    if (found is false)
                    {
                        break;
                    }

                    EventMessage current = events.Current;
                    next = current.Sequence + 1;
                    yield return current;
                    if (WireEvents.IsLast(current))
                    {
                        yield break;
                    }
                }
            }
            finally
            {
                events.Leave();
            }

            // The stream broke, or ended without a last event: the engine dropped the session or is gone. Not so on a
            // silo that leaves: its own calls break too, and the session must not be moved a second time from here.
            if (local.IsDraining && !IsOwn(engine))
            {
                throw new GrainErrorException(PixErrorKind.Unavailable, "This silo is leaving; read again.");
            }

            await PlaceAsync(engine);
        }
    }

    public async Task<bool> CancelAsync()
    {
        SessionInfo? session = await store.FindAsync(this.GetPrimaryKeyString(), CancellationToken.None);
        if (session is null or { Over: true })
        {
            return false;
        }

        string engine = await EngineAsync();
        return await GrainFactory.GetGrain<IModelGrain>(engine).CancelAsync(this.GetPrimaryKeyString());
    }

    private bool IsOwn(string engine) => engine == silo.SiloAddress.ToParsableString();

    /// <summary>This silo's own engine is read directly: a message for each token would be the price of the
    /// detour.</summary>
    private IAsyncEnumerable<EventMessage> Open(string engine, string session, long next, CancellationToken left) =>
        IsOwn(engine)
            ? WireEvents.ToMessages(local.ReadAsync(session, next, left))
            : GrainFactory.GetGrain<IModelGrain>(engine).ReadAsync(session, next, left);

    private async Task<string> EngineAsync()
    {
        if (_engine is null)
        {
            await PlaceAsync(lost: null);
        }

        return _engine!;
    }

    /// <summary>Makes some engine run the session; does nothing when another caller already replaced the lost
    /// one.</summary>
    private async Task PlaceAsync(string? lost, bool created = false)
    {
        await _gate.WaitAsync();
        try
        {
            if (_engine is not null && _engine != lost)
            {
                return;
            }

            _engine = lost is null && !created ? await KnownAsync() : null;
            if (_engine is not null)
            {
                return;
            }

            _wish ??= await store.FindWishAsync(this.GetPrimaryKeyString(), CancellationToken.None);
            var refused = new HashSet<string>();
            if (lost is not null)
            {
                refused.Add(lost);
            }

            GrainErrorException? last = null;
            for (int i = 0; i < EnginesTriedMax; i++)
            {
                if (Choose(refused) is not { } engine)
                {
                    break;
                }

                try
                {
                    await GrainFactory.GetGrain<IModelGrain>(engine).RunAsync(this.GetPrimaryKeyString());
                    _engine = engine;
                    return;
                }
                catch (GrainErrorException error)
                    when (error.Kind is PixErrorKind.Overloaded or PixErrorKind.Unavailable)
                {
                    last = error;
                }
                catch (Exception error) when (IsLoss(error, CancellationToken.None))
                {
                    last = new GrainErrorException(PixErrorKind.Unavailable, $"The silo {engine} cannot be reached.",
                        1);
                }

                refused.Add(engine);
            }

            throw last ?? new GrainErrorException(PixErrorKind.Unavailable,
                "No silo of the cluster can take the session.", 1);
        }
        catch (PixException error)
        {
            throw GrainErrorException.From(error);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>
    /// The engine that claimed the session last. A grain that comes up anew reads there: engines go on while grains
    /// come and go, and claiming the session again would compute it twice.
    /// </summary>
    private async Task<string?> KnownAsync() =>
        await store.FindEngineAsync(this.GetPrimaryKeyString(), CancellationToken.None) is { Length: > 0 } known
            ? known
            : null;

    /// <summary>
    /// The best engine that has not refused; this silo's own while no report is known; null when none is left that
    /// holds the model.
    /// </summary>
    private string? Choose(HashSet<string> refused)
    {
        string own = silo.SiloAddress.ToParsableString();
        if (view.Engines.Count == 0)
        {
            return refused.Contains(own) ? null : own;
        }

        EngineWish wish = _wish ?? new EngineWish("", "", 0, 0);
        EngineLoad[] engines =
        [
            .. view.Engines.Where(engine => !refused.Contains(engine.Engine) && EngineChoice.CanServe(engine, wish)),
        ];

        // This grain was placed by the same scores a moment ago: staying local saves a hop unless the silo is refused.
        string? best = engines.Any(engine => engine.Engine == own)
            ? own
            : EngineChoice.Pick(engines, wish, _random)?.Engine;
        if (best is not null)
        {
            view.Charge(best, wish);
        }

        return best;
    }

    private static bool IsLoss(Exception error, CancellationToken cancellation) =>
        !cancellation.IsCancellationRequested
        && error is OrleansException or EnumerationAbortedException or TimeoutException or OperationCanceledException
            or PixException { Kind: PixErrorKind.NotFound };

    [LoggerMessage(LogLevel.Warning,
        "Session {Session}: engine {Engine} was lost at event {Sequence} ({Reason}); moving")]
    private static partial void EngineLost(ILogger log, string session, string engine, long sequence, string reason);
}
