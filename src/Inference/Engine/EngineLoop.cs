using System.Collections.Concurrent;
using PixSearch.Abstractions;
using PixSearch.Models;

namespace PixSearch.Inference.Engine;

/// <summary>
/// The engine on a thread of its own: drain what came in, one step, again; asleep when there is nothing to compute.
/// No other thread ever touches the model. All methods may be called from anywhere.
/// </summary>
public sealed class EngineLoop : IAsyncDisposable
{
    private readonly EngineCore _core;
    private readonly EngineOptions _options;
    private readonly TimeProvider _time;
    private readonly ConcurrentQueue<Action<EngineCore>> _inbox = new();
    private readonly ConcurrentQueue<Action<EngineCore>> _prompts = new();
    private readonly SemaphoreSlim _signal = new(0);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _submitting;
    private int _signalled;

    // What EngineCore.Room was after the last step, for callers that will not wait for the next; and how many it has
    // turned away.
    private int _roomSessions;
    private int _roomWaiting;
    private double _roomWait;
    private double _roomAdmission;
    private int _entering;
    private long _refused;
    private volatile bool _stopping;

    /// <summary>Starts the thread. The model is the caller's to dispose, after the loop.</summary>
    public EngineLoop(ISegmentingModel model, IRetriever retriever, EngineOptions options, TimeProvider time,
        ISessionLog log)
    {
        (_options, _time) = (options, time);
        _core = new EngineCore(model, options, time, log, new SearchDispatcher(retriever, Post)) { OnRoom = Wake };
        var thread = new Thread(Run) { Name = "pixsearch-engine", IsBackground = true };
        thread.Start();
    }

    /// <summary>
    /// A place for a session that is about to be submitted, or <see cref="PixErrorKind.Overloaded"/> when the engine
    /// was full a step ago: without waiting for its thread, and before anything is done for a request that would be
    /// refused. Those that have a place and are not in the engine yet - their pictures are being decoded - count like
    /// those that wait in it. Disposing gives it back.
    /// </summary>
    /// <param name="resumed">The session was let in before, by this or another process: it waits as long as it must,
    /// and only the number of sessions counts.</param>
    public EnginePlace Enter(bool resumed = false)
    {
        int ahead = Interlocked.Increment(ref _entering) - 1;
        var place = new EnginePlace(() => Interlocked.Decrement(ref _entering));
        try
        {
            new EngineRoom(Volatile.Read(ref _roomSessions), Volatile.Read(ref _roomWaiting),
                Volatile.Read(ref _roomWait), Volatile.Read(ref _roomAdmission)).Behind(ahead).Check(_options, resumed);
            return place;
        }
        catch (PixException)
        {
            place.Dispose();
            Interlocked.Increment(ref _refused);
            throw;
        }
    }

    /// <summary>
    /// Takes a session in, which gives its place back. Full: throws <see cref="PixErrorKind.Overloaded"/> at once,
    /// without waiting for the engine.
    /// </summary>
    public async Task<EventStream> SubmitAsync(EngineRequest request, EnginePlace? place = null)
    {
        CheckRunning();
        using EnginePlace waiting = EnterSubmission();
        return await AskAsync(_inbox, core =>
        {
            EventStream stream = core.Submit(request);
            place?.Dispose();
            return stream;
        }).ConfigureAwait(false);
    }

    /// <summary>
    /// Masks of points and boxes. One such request is run between two steps, so that many of them do not hold up those
    /// who are writing; as many may wait as sessions.
    /// </summary>
    public async Task<PromptResult> SegmentAsync(PromptRequest request, CancellationToken cancellation)
    {
        CheckRunning();
        using EnginePlace waiting = EnterSubmission();
        return await AskAsync(_prompts, core =>
        {
            cancellation.ThrowIfCancellationRequested();
            return core.Segment(request);
        }).ConfigureAwait(false);
    }

    /// <summary>Ends a session; everything it held is free when the task completes. False: it is not in the
    /// engine.</summary>
    public Task<bool> CancelAsync(string sessionId) => AskAsync(_inbox, core => core.Cancel(sessionId));

    /// <summary>
    /// Lets a session go without an end, for another engine to take up from the log; everything it held is free when
    /// the task completes. False: it is not in the engine.
    /// </summary>
    public Task<bool> HandOverAsync(string sessionId) => AskAsync(_inbox, core => core.HandOver(sessionId));

    /// <summary>A look at the engine, between two steps.</summary>
    public Task<EngineStats> StatsAsync() => AskAsync(_inbox, core =>
    {
        EngineStats stats = core.Stats;
        return stats with { SessionsRefused = stats.SessionsRefused + Volatile.Read(ref _refused) };
    });

    /// <summary>Ends all sessions with <see cref="PixErrorKind.Unavailable"/> and the thread.</summary>
    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        Wake();
        await _ended.Task.ConfigureAwait(false);
        _signal.Dispose();
    }

    private void CheckRunning()
    {
        if (_stopping)
        {
            throw new PixException(PixErrorKind.Unavailable, "The engine is stopping and takes no new sessions.");
        }
    }

    /// <summary>A place among the requests that wait for the engine's thread.</summary>
    private EnginePlace EnterSubmission()
    {
        var place = new EnginePlace(() => Interlocked.Decrement(ref _submitting));
        if (Interlocked.Increment(ref _submitting) <= _options.SessionsMax)
        {
            return place;
        }

        place.Dispose();
        throw new PixException(PixErrorKind.Overloaded,
            $"{_options.SessionsMax} requests (SessionsMax) wait to be taken in: try again in 1 s.")
        {
            RetryAfter = TimeSpan.FromSeconds(1),
        };
    }

    private async Task<T> AskAsync<T>(ConcurrentQueue<Action<EngineCore>> queue, Func<EngineCore, T> ask)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        queue.Enqueue(core =>
        {
            try
            {
                answer.SetResult(ask(core));
            }
            catch (Exception error)
            {
                answer.SetException(error);
            }
        });
        Wake();

        // An engine that has stopped answers nothing any more.
        Task first = await Task.WhenAny(answer.Task, _ended.Task).ConfigureAwait(false);
        if (first != answer.Task && !answer.Task.IsCompleted)
        {
            throw new PixException(PixErrorKind.Unavailable, "The engine has stopped.");
        }

        return await answer.Task.ConfigureAwait(false);
    }

    private void Post(Action<EngineCore> command)
    {
        _inbox.Enqueue(command);
        Wake();
    }

    private void Wake()
    {
        // At most one permit is ever outstanding, so that the semaphore's count stays bounded.
        if (Interlocked.Exchange(ref _signalled, 1) == 0 && !_ended.Task.IsCompleted)
        {
            _signal.Release();
        }
    }

    private void Run()
    {
        try
        {
            while (!_stopping)
            {
                if (!Step())
                {
                    WaitForWork();
                }
            }

            _core.Dispose();
        }
        finally
        {
            _ended.SetResult();
        }
    }

    private bool Step()
    {
        try
        {
            while (_inbox.TryDequeue(out Action<EngineCore>? command))
            {
                command(_core);
            }

            Publish(_core.Room);
            bool prompted = _prompts.TryDequeue(out Action<EngineCore>? prompt);
            prompt?.Invoke(_core);
            bool worked = _core.Tick();
            Publish(_core.Room);
            return worked || prompted;
        }
        catch (Exception error)
        {
            // Errors of requests are handled inside. What arrives here is a defect or a log that cannot be written: the
            // sessions in the engine cannot go on, the process and later sessions can.
            _core.FailAll(PixErrorKind.Internal,
                $"The engine had to drop its sessions ({error.GetType().Name}: {FirstLine(error)}).");
            return true;
        }
    }

    private void Publish(EngineRoom room)
    {
        Volatile.Write(ref _roomSessions, room.Sessions);
        Volatile.Write(ref _roomWaiting, room.Waiting);
        Volatile.Write(ref _roomWait, room.WaitSeconds);
        Volatile.Write(ref _roomAdmission, room.AdmissionSeconds);
    }

    private void WaitForWork()
    {
        TimeSpan wait = Timeout.InfiniteTimeSpan;
        if (_core.NextWake() is { } next)
        {
            wait = next - _time.GetUtcNow();
            wait = wait < TimeSpan.Zero ? TimeSpan.Zero : wait + TimeSpan.FromMilliseconds(1);
            wait = wait > TimeSpan.FromMinutes(10) ? TimeSpan.FromMinutes(10) : wait;
        }

        _signal.Wait(wait);
        Volatile.Write(ref _signalled, 0);
    }

    private static string FirstLine(Exception error) => error.Message.Split('\n', 2)[0].Trim();
}
