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
/// Reentrant, since locating a session waits for other silos; what must not overlap, choosing and starting an engine,
/// is guarded by the grain's own gate. All of its state is in the store; losing the activation loses nothing, and the
/// engine goes on meanwhile.
/// </remarks>
[EngineFilter]
[EnginePlacement]
[Reentrant]
internal sealed partial class SessionGrain(SessionStore store, LoadView view, IEngineHost local,
    ILocalSiloDetails silo, ILogger<SessionGrain> log) : Grain, ISessionGrain
{
    // An engine that refuses is not asked again for this session; with every engine asked once the session fails as
    // overloaded.
    private const int EnginesTriedMax = 8;

    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly SeededRandom _random = new((ulong)Environment.TickCount64);
    private string? _engine;
    private EngineWish? _wish;

    public async Task<string> BeginAsync(RequestMessage request)
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

        return await PlaceAsync(lost: null, created);
    }

    public async Task<string> LocateAsync()
    {
        string engine = _engine ?? await PlaceAsync(lost: null);
        string reason;
        bool unreachable = false;
        try
        {
            if (IsOwn(engine)
                ? local.Find(this.GetPrimaryKeyString()) is not null
                : await GrainFactory.GetGrain<IModelGrain>(engine).HoldsAsync(this.GetPrimaryKeyString()))
            {
                return engine;
            }

            reason = "it let the session go";
        }
        catch (Exception error) when (IsLoss(error))
        {
            // A silo that leaves cannot tell: its own calls break too, and the session must not be moved a second time
            // from here.
            if (local.IsDraining)
            {
                throw new GrainErrorException(PixErrorKind.Unavailable, "This silo is leaving; ask again.");
            }

            (reason, unreachable) = (error.Message, true);
        }

        EngineLost(log, this.GetPrimaryKeyString(), engine, reason);
        return await PlaceAsync(engine, unreachable: unreachable);
    }

    public async Task<bool> CancelAsync()
    {
        SessionInfo? session = await store.FindAsync(this.GetPrimaryKeyString(), CancellationToken.None);
        if (session is null or { Over: true })
        {
            return false;
        }

        string engine = _engine ?? await PlaceAsync(lost: null);
        return await GrainFactory.GetGrain<IModelGrain>(engine).CancelAsync(this.GetPrimaryKeyString());
    }

    private bool IsOwn(string engine) => engine == silo.SiloAddress.ToParsableString();

    /// <summary>Makes some engine run the session and names it; another caller, or another activation, may have
    /// replaced the lost one already.</summary>
    private async Task<string> PlaceAsync(string? lost, bool created = false, bool unreachable = false)
    {
        await _gate.WaitAsync();
        try
        {
            if (_engine is not null && _engine != lost)
            {
                return _engine;
            }

            _engine = null;
            string known = created ? "" : await KnownAsync();
            if (known.Length > 0 && known != lost)
            {
                return _engine = known;
            }

            _wish ??= await store.FindWishAsync(this.GetPrimaryKeyString(), CancellationToken.None);

            // An engine that only forgot a session of long ago can take it up again.
            var refused = new HashSet<string>();
            if (unreachable)
            {
                refused.Add(lost!);
            }

            GrainErrorException? last = null;
            for (int i = 0; i < EnginesTriedMax; i++)
            {
                if (Choose(refused) is not { } engine)
                {
                    break;
                }

                bool answered = true;
                try
                {
                    // Claimed only from whoever had it when it was looked up: two placements cannot both move it.
                    bool claimed = await GrainFactory.GetGrain<IModelGrain>(engine)
                        .TakeAsync(this.GetPrimaryKeyString(), known);
                    return _engine = claimed ? engine : await KnownAsync();
                }
                catch (GrainErrorException error)
                    when (error.Kind is PixErrorKind.Overloaded or PixErrorKind.Unavailable)
                {
                    last = error;
                }
                catch (Exception error) when (IsLoss(error))
                {
                    answered = false;
                    last = new GrainErrorException(PixErrorKind.Unavailable, $"The silo {engine} cannot be reached.",
                        1);
                }

                // Who became full after it claimed still has the claim, and the next one takes it from there; who only
                // failed to answer may be computing it.
                refused.Add(engine);
                string now = await KnownAsync();
                if (now != known && (now != engine || !answered))
                {
                    return _engine = now;
                }

                known = now;
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
    /// The engine that claimed the session last; empty for none. A grain that comes up anew reads there: engines go on
    /// while grains come and go, and claiming the session again would compute it twice.
    /// </summary>
    private async Task<string> KnownAsync() =>
        await store.FindEngineAsync(this.GetPrimaryKeyString(), CancellationToken.None) ?? "";

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

    private static bool IsLoss(Exception error) =>
        error is OrleansException or TimeoutException or OperationCanceledException;

    [LoggerMessage(LogLevel.Warning,
        "Session {Session}: engine {Engine} was lost ({Reason}); moving")]
    private static partial void EngineLost(ILogger log, string session, string engine, string reason);
}
