namespace PixSearch.Gateway.Asking;

/// <summary>
/// The way down: first not ready and no new requests, then running ones finish, and after the grace period what is left
/// is handed over (streams end with "unavailable", sessions stay in the session log). Thread-safe.
/// </summary>
internal sealed class DrainState : IDisposable
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _handOver = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;
    private bool _draining;

    /// <summary>True from SIGTERM on.</summary>
    internal bool IsDraining => Volatile.Read(ref _draining);

    /// <summary>Requests and unattended sessions that are not over.</summary>
    internal int Running => Volatile.Read(ref _running);

    /// <summary>Fires when the grace period is over.</summary>
    internal CancellationToken HandOver => _handOver.Token;

    /// <summary>Counts a request until the result is disposed (once; later disposals do nothing).</summary>
    internal IDisposable Track()
    {
        lock (_gate)
        {
            _running++;
        }

        return new Tracker(this);
    }

    /// <summary>Stops taking requests and waits for the running ones; true when all ended by themselves.</summary>
    internal async Task<bool> DrainAsync(TimeSpan grace, TimeProvider time)
    {
        lock (_gate)
        {
            _draining = true;
            if (_running == 0)
            {
                _idle.TrySetResult();
            }
        }

        try
        {
            await _idle.Task.WaitAsync(grace, time);
            return true;
        }
        catch (TimeoutException)
        {
            await _handOver.CancelAsync();
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handOver.Dispose();

    private void Leave()
    {
        lock (_gate)
        {
            _running--;
            if (_draining && _running == 0)
            {
                _idle.TrySetResult();
            }
        }
    }

    private sealed class Tracker(DrainState owner) : IDisposable
    {
        private int _over;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _over, 1) == 0)
            {
                owner.Leave();
            }
        }
    }
}
