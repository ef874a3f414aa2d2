using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace PixSearch.Training.Running;

/// <summary>
/// Builds items ahead on a thread of its own, in order, a bounded number of them. An error of the builder is thrown at
/// the taker.
/// </summary>
/// <typeparam name="T">The items.</typeparam>
public sealed class Prefetcher<T> : IDisposable
{
    private readonly BlockingCollection<T> _ready;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;
    private ExceptionDispatchInfo? _error;

    /// <summary>Starts building items <paramref name="first"/>, first + 1, ....</summary>
    /// <param name="first">Number of the first item.</param>
    /// <param name="ahead">Most items that wait, at least 1.</param>
    /// <param name="build">Makes an item from its number.</param>
    public Prefetcher(long first, int ahead, Func<long, T> build)
    {
        _ready = new BlockingCollection<T>(ahead);
        _thread = new Thread(() => Work(first, build)) { IsBackground = true, Name = "px prefetch" };
        _thread.Start();
    }

    /// <summary>The next item; waits for it.</summary>
    public T Take()
    {
        try
        {
            return _ready.Take();
        }
        catch (InvalidOperationException) when (_error is not null)
        {
            _error.Throw();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _ready.Dispose();
        _stop.Dispose();
    }

    private void Work(long first, Func<long, T> build)
    {
        try
        {
            for (long index = first; ; index++)
            {
                _ready.Add(build(index), _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed: nobody waits any more.
        }
        catch (Exception error)
        {
            _error = ExceptionDispatchInfo.Capture(error);
            _ready.CompleteAdding();
        }
    }
}
