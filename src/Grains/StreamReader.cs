namespace PixSearch.Grains;

/// <summary>
/// One enumeration of events whose next one may be waited for in pieces. A reader leaves it at any time: what is under
/// way then ends by itself, unwatched, since the other end may be gone and its answer take as long as a call may.
/// </summary>
internal sealed class StreamReader<T>
{
    private readonly CancellationTokenSource _left;
    private readonly IAsyncEnumerator<T> _events;
    private Task<bool>? _next;

    public StreamReader(Func<CancellationToken, IAsyncEnumerable<T>> open, CancellationToken cancellation)
    {
        _left = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _events = open(_left.Token).GetAsyncEnumerator(_left.Token);
    }

    /// <summary>The event that <see cref="NextAsync"/> found.</summary>
    public T Current => _events.Current;

    /// <summary>True: there is a next event. False: there is none. Null: not within this time; ask again.</summary>
    public async Task<bool?> NextAsync(TimeSpan within, TimeProvider time, CancellationToken cancellation)
    {
        _next ??= _events.MoveNextAsync().AsTask();
        if (!_next.IsCompleted)
        {
            try
            {
                await _next.WaitAsync(within, time, cancellation);
            }
            catch (TimeoutException)
            {
                if (!_next.IsCompleted)
                {
                    return null;
                }
            }
        }

        Task<bool> found = _next;
        _next = null;
        return await found;
    }

    /// <summary>Ends the enumeration.</summary>
    public void Leave() => _ = LeaveAsync();

    private async Task LeaveAsync()
    {
        try
        {
            await _left.CancelAsync();
            await (_next ?? Task.FromResult(false));
        }
        catch (Exception)
        {
            // How a call ends that nobody waits for any more is of no interest.
        }

        try
        {
            await _events.DisposeAsync();
        }
        catch (Exception)
        {
            // The silo that held the other end is gone.
        }

        _left.Dispose();
    }
}
