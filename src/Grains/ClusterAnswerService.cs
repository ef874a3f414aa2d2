using System.Runtime.CompilerServices;
using Orleans.Runtime;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;
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

    // Orleans tells a client nothing of a call that was under way to a silo that died: it would be waited for until its
    // timeout. A session that lives is heard of three times as often as this.
    private static readonly TimeSpan s_silence = 3 * WireEvents.HeartbeatPeriod;

    // The same for calls: asked again when unanswered for this long, which is safe (see RetryAsync).
    private static readonly TimeSpan s_callAgain = TimeSpan.FromSeconds(3);

    /// <inheritdoc/>
    public async ValueTask<string> StartAsync(AnswerRequest request, CancellationToken cancellation)
    {
        string id = Guid.CreateVersion7(time.GetUtcNow()).ToString("N");
        string hash = await store.PutPictureAsync(request.Picture, cancellation);
        EnginePlacement.Carry(EngineWishes.For(request, hash));
        await ReserveAsync(id, request.Reservation, cancellation);
        try
        {
            await RetryAsync(() => grains.GetGrain<ISessionGrain>(id).StartAsync(WireEvents.ToMessage(request, hash)),
                cancellation);
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
        string account = await store.FindAccountAsync(sessionId, cancellation)
            ?? throw new PixException(PixErrorKind.NotFound, $"There is no session '{sessionId}'.");

        long next = fromSequence;
        long failingSince = 0;
        while (true)
        {
            Exception? loss = null;
            var events = new StreamReader<EventMessage>(
                left => grains.GetGrain<ISessionGrain>(sessionId).ReadAsync(next, left), cancellation);
            try
            {
                while (loss is null)
                {
                    try
                    {
                        bool? found = await events.NextAsync(s_silence, time, cancellation);
                        if (found is null)
                        {
                            loss = new TimeoutException($"nothing was heard for {s_silence.TotalSeconds} s");
                            continue;
                        }

                        if (found is false)
                        {
                            yield break;
                        }
                    }
                    catch (GrainErrorException error) when (error.Kind != PixErrorKind.Unavailable)
                    {
                        throw error.ToPixException();
                    }
                    catch (Exception error) when (IsLoss(error, cancellation))
                    {
                        loss = error;
                        continue;
                    }

                    // A sign of life; or what a moved session repeats: its numbers say so.
                    failingSince = 0;
                    if (events.Current.Sequence < next)
                    {
                        continue;
                    }

                    // Whoever reads settles, once: so it is settled even when the gateway that reserved is gone.
                    SessionEvent current = WireEvents.ToEvent(events.Current);
                    if (account.Length > 0 && current is Usage or Failed)
                    {
                        await SettleAsync(account, sessionId, current is Usage usage ? usage.Tokens : 0, cancellation);
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

            long now = time.GetTimestamp();
            failingSince = failingSince == 0 ? now : failingSince;
            if (time.GetElapsedTime(failingSince, now) > s_patience)
            {
                throw new PixException(PixErrorKind.Unavailable,
                    $"Session '{sessionId}' could not be reached for {s_patience.TotalSeconds:0} s: {loss.Message}",
                    loss)
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
            cancellation);
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
            cancellation);
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
        RetryAsync(() => grains.GetGrain<ITenantGrain>(account).SettleAsync(session, used), cancellation);

    /// <summary>Repeats a call while silos change; safe, since every call names its session.</summary>
    private async Task RetryAsync(Func<Task> call, CancellationToken cancellation)
    {
        long start = time.GetTimestamp();
        while (true)
        {
            try
            {
                await call().WaitAsync(s_callAgain, time, cancellation);
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
        && error is OrleansException or EnumerationAbortedException or TimeoutException or GrainErrorException
            or OperationCanceledException;
}
