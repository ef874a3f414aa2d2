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
            bool progressed = false;
            Exception? loss = null;
            IAsyncEnumerator<EventMessage> events = grains.GetGrain<ISessionGrain>(sessionId)
                .ReadAsync(next, cancellation).WithBatchSize(1).GetAsyncEnumerator(cancellation);
            try
            {
                while (loss is null)
                {
                    try
                    {
                        if (!await events.MoveNextAsync())
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

                    // A moved session may repeat nothing and skip nothing: its numbers say so.
                    SessionEvent current = WireEvents.ToEvent(events.Current);
                    if (current.Sequence < next)
                    {
                        continue;
                    }

                    // Whoever reads settles, once: so it is settled even when the gateway that reserved is gone.
                    if (account.Length > 0 && current is Usage or Failed)
                    {
                        await SettleAsync(account, sessionId, current is Usage usage ? usage.Tokens : 0, cancellation);
                    }

                    (next, progressed) = (current.Sequence + 1, true);
                    yield return current;
                    if (WireEvents.IsLast(current))
                    {
                        yield break;
                    }
                }
            }
            finally
            {
                await DisposeQuietlyAsync(events, loss);
            }

            long now = time.GetTimestamp();
            failingSince = progressed || failingSince == 0 ? now : failingSince;
            if (time.GetElapsedTime(failingSince, now) > s_patience)
            {
                throw new PixException(PixErrorKind.Unavailable,
                    $"Session '{sessionId}' could not be reached for {s_patience.TotalSeconds:0} s: {loss!.Message}",
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
                await call();
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

    private static async ValueTask DisposeQuietlyAsync(IAsyncEnumerator<EventMessage> events, Exception? loss)
    {
        try
        {
            await events.DisposeAsync();
        }
        catch (Exception) when (loss is not null)
        {
            // The silo that held the other end is gone.
        }
    }
}
