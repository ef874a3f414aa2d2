using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Orleans.Runtime;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;
using PixSearch.Grains.Feeds;
using PixSearch.Grains.Placement;
using PixSearch.Grains.Storage;

namespace PixSearch.Grains;

/// <summary>
/// The gateway's port over grains: gives a client one unbroken stream while its session moves between silos.
/// </summary>
public sealed class ClusterAnswerService(IGrainFactory grains, SessionStore store, TimeProvider time) : IAnswerService
{
    // A cluster that loses a silo is whole again within the membership timeout (ADR 6: about 5 s); readers wait that
    // long and some.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    // Calls are made again when unanswered for this long, which is safe (see RetryAsync).
    private static readonly TimeSpan s_callAgain = TimeSpan.FromSeconds(3);

    // Sessions that were started and not yet read: more than any gateway admits at a time.
    private const int StartedMax = 4096;

    private readonly EngineFeedSet _feeds = new(grains, time);
    private readonly ConcurrentDictionary<string, Whereabouts> _started = new();

    /// <inheritdoc/>
    public async ValueTask<string> StartAsync(AnswerRequest request, CancellationToken cancellation)
    {
        string id = Guid.CreateVersion7(time.GetUtcNow()).ToString("N");
        string hash = await store.PutPictureAsync(request.Picture, cancellation);
        EnginePlacement.Carry(EngineWishes.For(request, hash));
        await ReserveAsync(id, request.Reservation, cancellation);
        try
        {
            RequestMessage message = WireEvents.ToMessage(request, hash);
            string engine = "";
            await RetryAsync(async () => engine = await grains.GetGrain<ISessionGrain>(id).BeginAsync(message),
                s_callAgain, cancellation);
            if (_started.Count < StartedMax)
            {
                _started[id] = new Whereabouts(request.Reservation?.Account ?? "", engine);
            }

            return id;
        }
        catch when (request.Reservation is not null)
        {
            // Refused: nothing was computed.
            await SettleAsync(request.Reservation.Account, id, 0, CancellationToken.None);
            throw;
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<SessionEvent> ReadAsync(string sessionId, long fromSequence,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        Whereabouts session = _started.TryRemove(sessionId, out Whereabouts? started)
            ? started
            : new Whereabouts(await store.FindAccountAsync(sessionId, cancellation)
                ?? throw new PixException(PixErrorKind.NotFound, $"There is no session '{sessionId}'."), null);
        string? engine = session.Engine;
        long next = fromSequence;
        long failingSince = 0;
        while (true)
        {
            engine ??= await LocateAsync(sessionId, cancellation);
            (FeedReader? events, string reason) = await FollowAsync(engine, sessionId, next, cancellation);
            long followedAt = time.GetTimestamp();
            if (events is not null)
            {
                try
                {
                    while (await events.NextAsync(cancellation) is { } current)
                    {
                        // What a moved session repeats is no news: its numbers say so.
                        failingSince = 0;
                        if (current.Sequence < next)
                        {
                            continue;
                        }

                        // Whoever reads settles, once: so it is settled even when the gateway that reserved is gone.
                        if (session.Account.Length > 0 && current is Usage or Failed)
                        {
                            await SettleAsync(session.Account, sessionId, current is Usage usage ? usage.Tokens : 0,
                                cancellation);
                        }

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

                if (events.End == FeedEnd.Over)
                {
                    yield break;
                }

                if (events.End == FeedEnd.Behind)
                {
                    continue;
                }
            }

            // A feed that lasted was heard of, though its session had nothing to say.
            engine = null;
            long now = time.GetTimestamp();
            if (time.GetElapsedTime(followedAt, now) > 2 * EngineFeed.SilenceMax)
            {
                failingSince = 0;
            }

            if (failingSince == 0)
            {
                // The first time it is asked at once: a session that moved is known where it went.
                failingSince = now;
                continue;
            }

            if (time.GetElapsedTime(failingSince, now) > s_patience)
            {
                throw new PixException(PixErrorKind.Unavailable,
                    $"Session '{sessionId}' could not be reached for {s_patience.TotalSeconds:0} s: {reason}")
                {
                    RetryAfter = TimeSpan.FromSeconds(5),
                };
            }

            await Task.Delay(s_pause, time, cancellation);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<bool> CancelAsync(string sessionId, CancellationToken cancellation)
    {
        bool cancelled = false;
        await RetryAsync(async () => cancelled = await grains.GetGrain<ISessionGrain>(sessionId).CancelAsync(),
            s_callAgain, cancellation);
        return cancelled;
    }

    /// <inheritdoc/>
    public async ValueTask<SessionInfo?> FindAsync(string sessionId, CancellationToken cancellation) =>
        await store.FindAsync(sessionId, cancellation);

    private async Task ReserveAsync(string session, TokenReservation? wanted, CancellationToken cancellation)
    {
        if (wanted is null)
        {
            return;
        }

        ITenantGrain ledger = grains.GetGrain<ITenantGrain>(wanted.Account);
        bool held = false;
        await RetryAsync(async () => held = await ledger.ReserveAsync(session, wanted.Tokens, wanted.Budget),
            s_callAgain, cancellation);
        if (!held)
        {
            LedgerBalance balance = await ledger.BalanceAsync();
            throw new PixException(PixErrorKind.QuotaExceeded,
                $"The request may use up to {wanted.Tokens} tokens; of {wanted.Budget} for {wanted.Account} "
                + $"{balance.Spent} are spent and {balance.Reserved} reserved (lower max_tokens or search_budget, or "
                + "wait).");
        }
    }

    private Task SettleAsync(string account, string session, long used, CancellationToken cancellation) =>
        RetryAsync(() => grains.GetGrain<ITenantGrain>(account).SettleAsync(session, used), s_callAgain, cancellation);

    /// <summary>Where a session is computed. Asked again sooner than other calls: its grain may be lost with its
    /// engine, and the answer may take until membership knows.</summary>
    private async Task<string> LocateAsync(string sessionId, CancellationToken cancellation)
    {
        string engine = "";
        await RetryAsync(async () => engine = await grains.GetGrain<ISessionGrain>(sessionId).LocateAsync(),
            EngineFeed.SilenceMax, cancellation);
        return engine;
    }

    /// <summary>A reader of the session's events; null, and why, when they cannot be had from this engine
    /// now.</summary>
    private async Task<(FeedReader? Reader, string Reason)> FollowAsync(string engine, string sessionId, long next,
        CancellationToken cancellation)
    {
        try
        {
            return (await _feeds.FollowAsync(engine, sessionId, next, cancellation), "its engine does not know it");
        }
        catch (Exception error) when (IsLoss(error, cancellation))
        {
            return (null, error.Message);
        }
    }

    /// <summary>Repeats a call while silos change; safe, since every call names its session.</summary>
    private async Task RetryAsync(Func<Task> call, TimeSpan again, CancellationToken cancellation)
    {
        long start = time.GetTimestamp();
        while (true)
        {
            try
            {
                await call().WaitAsync(again, time, cancellation);
                return;
            }
            catch (GrainErrorException error) when (error.Kind != PixErrorKind.Unavailable || Expired(start))
            {
                throw error.ToPixException();
            }
            catch (Exception error) when (IsLoss(error, cancellation))
            {
                if (Expired(start))
                {
                    throw new PixException(PixErrorKind.Unavailable,
                        $"The cluster has not answered for {s_patience.TotalSeconds:0} s: {error.Message}", error)
                    {
                        RetryAfter = TimeSpan.FromSeconds(5),
                    };
                }

                await Task.Delay(s_pause, time, cancellation);
            }
        }
    }

    private bool Expired(long start) => time.GetElapsedTime(start) > s_patience;

    private static bool IsLoss(Exception error, CancellationToken cancellation) =>
        !cancellation.IsCancellationRequested
        && error is OrleansException or TimeoutException or GrainErrorException or OperationCanceledException;

    /// <summary>What is known of a session without asking.</summary>
    /// <param name="Account">What it is paid from; empty for none.</param>
    /// <param name="Engine">Where it was put; null when that must be found out.</param>
    private sealed record Whereabouts(string Account, string? Engine);
}
