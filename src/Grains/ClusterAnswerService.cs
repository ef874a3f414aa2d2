using System.Runtime.CompilerServices;
using Orleans.Runtime;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;
using PixSearch.Grains.Placement;
using PixSearch.Grains.Storage;
using PixSearch.Inference.Placement;

namespace PixSearch.Grains;

/// <summary>
/// The gateway's port over grains: gives a client one unbroken stream while its session moves between silos.
/// </summary>
public sealed class ClusterAnswerService(IGrainFactory grains, SessionStore store, TimeProvider time) : IAnswerService
{
    // A cluster that loses a silo is whole again within the membership timeout (ADR 4: about 5 s); readers wait that
    // long and some.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc/>
    public async ValueTask<string> StartAsync(AnswerRequest request, CancellationToken cancellation)
    {
        string id = Guid.CreateVersion7(time.GetUtcNow()).ToString("N");
        string hash = await store.PutPictureAsync(request.Picture, cancellation);
        // A rough cost is enough to compare queues: a token each four characters, the answer's limit, and a
        // picture's slots.
        double pictureCost = request.Picture.IsEmpty ? 0 : 256;
        double cost = (request.Question.Length / 4.0) + request.Sampling.MaxTokens + pictureCost;
        EnginePlacement.Carry(new EngineWish(request.Model, hash, cost, pictureCost));
        await RetryAsync(() => grains.GetGrain<ISessionGrain>(id).StartAsync(WireEvents.ToMessage(request, hash)),
            cancellation);
        return id;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<SessionEvent> ReadAsync(string sessionId, long fromSequence,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (await store.FindAsync(sessionId, cancellation) is null)
        {
            throw new PixException(PixErrorKind.NotFound, $"There is no session '{sessionId}'.");
        }

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
            catch (Exception error) when (IsLoss(error, cancellation) && !Expired(start))
            {
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
