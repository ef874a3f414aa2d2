using System.Runtime.CompilerServices;
using PixSearch.Abstractions;
using PixSearch.Gateway.Telemetry;
using PixSearch.Gateway.Tenants;

namespace PixSearch.Gateway.Asking;

/// <summary>
/// A session that this server started and has to settle. Its events pass through here once, so that settling costs no
/// second reader: when the reader leaves early, disposing either cancels the session or, for detached ones, reads on in
/// the background.
/// </summary>
internal sealed class AskSession(AskPipeline pipeline, string id, RequestLease lease, long reservation,
    SessionObserver observer,
    IDisposable running, bool detach) : IAsyncDisposable
{
    private long _next;
    private Usage? _usage;
    private bool _over;

    internal string Id => id;

    /// <summary>The events from the first on; to be read once.</summary>
    internal async IAsyncEnumerable<SessionEvent> ReadAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (SessionEvent next in pipeline.ReadGuardedAsync(id, _next, cancellation))
        {
            Observe(next);
            yield return next;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_over)
        {
            running.Dispose();
            return;
        }

        if (detach && !pipeline.Drain.HandOver.IsCancellationRequested)
        {
            _ = FinishAsync(cancel: false);
            return;
        }

        await FinishAsync(cancel: !pipeline.Drain.HandOver.IsCancellationRequested);
    }

    /// <summary>Brings the session to its end and settles it; on hand-over it is left to the session log and the next
    /// process.</summary>
    private async Task FinishAsync(bool cancel)
    {
        try
        {
            if (cancel)
            {
                await pipeline.CancelMeasuredAsync(id, CancellationToken.None);
            }

            await foreach (SessionEvent next in
                pipeline.Service.ReadAsync(id, _next, pipeline.Drain.HandOver)
                    .WithCancellation(pipeline.Drain.HandOver))
            {
                Observe(next);
            }
        }
        catch (OperationCanceledException) when (pipeline.Drain.HandOver.IsCancellationRequested)
        {
            // The journal still holds the reservation: the next process settles it.
        }
        catch (Exception error)
        {
            GatewayLog.SettlementFailed(pipeline.Logger, error, id);
            Settle(lease.Reserved);
        }
        finally
        {
            running.Dispose();
        }
    }

    private void Observe(SessionEvent next)
    {
        _next = next.Sequence + 1;
        observer.On(next);
        switch (next)
        {
            case Usage usage:
                _usage = usage;
                break;
            case Finished when _usage is null:
                GatewayLog.UsageMissing(pipeline.Logger, id, lease.Reserved);
                Settle(lease.Reserved);
                break;
            case Finished or Failed:
                Settle(_usage?.Tokens ?? 0);
                break;
        }
    }

    private void Settle(long used)
    {
        if (!_over)
        {
            _over = true;
            pipeline.Journal.Settle(reservation, used);
            if (!lease.Settle(used))
            {
                GatewayLog.BoundWrong(pipeline.Logger, id, used, lease.Reserved);
            }
        }
    }
}
