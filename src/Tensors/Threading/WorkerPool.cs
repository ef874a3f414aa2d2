using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>A piece of parallel work: plain data (pointers and sizes) with one method.</summary>
internal interface IJob
{
    /// <summary>Does task <paramref name="index"/>; thread is below <see cref="WorkerPool.ThreadCount"/>.</summary>
    void Run(int index, int thread);
}

/// <summary>
/// Fork and join for kernels. Workers spin for some tens of microseconds after a job, then yield, then park: waking a
/// parked thread costs 100 us and more, but a machine that others use too must not be kept busy by waiting. The caller
/// works as well and never waits for a worker that has not begun, so a descheduled worker costs nothing.
/// </summary>
/// <remarks>
/// Results do not depend on the number of threads: jobs are cut into tasks by sizes alone, each task writes elements of
/// its own, and reductions over tasks are done in task order by the caller.
/// </remarks>
internal sealed unsafe class WorkerPool : IDisposable
{
    private const int SpinRounds = 400;
    private const int YieldRounds = 40;
    private const int ThreadsMax = 64;

    private static readonly Lazy<WorkerPool> s_shared = new(() => new WorkerPool(KernelSettings.ThreadCount));

    private readonly Lock _owner = new();
    private readonly SemaphoreSlim _wake = new(0);
    private void* _job;
    private delegate*<void*, int, int, void> _run;
    private int _count;
    private int _finished;
    private int _parked;
    private volatile bool _closed;

    // Upper half: number of the job. Lower half: tasks not yet taken. A task is taken by compare-and-swap, so a worker
    // that slept through a job can never take a task of the next one with stale fields.
    private ulong _ticket;

    /// <summary>A pool of its own; kernels use <see cref="Shared"/>.</summary>
    public WorkerPool(int threadCount)
    {
        ThreadCount = Math.Clamp(threadCount, 1, ThreadsMax);
        for (int i = 1; i < ThreadCount; i++)
        {
            int number = i;
            new Thread(() => Work(number)) { IsBackground = true, Name = $"px-kernel-{number}" }.Start();
        }
    }

    /// <summary>
    /// The pool of the process, as large as <c>PIXSEARCH_THREADS</c> says (default: the number of cores).
    /// </summary>
    public static WorkerPool Shared => s_shared.Value;

    /// <summary>Threads that take part, the caller included.</summary>
    public int ThreadCount { get; }

    /// <summary>
    /// Runs <c>job.Run(0..count-1)</c> and returns when all are done. When another backend is using the pool at this
    /// moment, the caller does all of it itself.
    /// </summary>
    public void Run<TJob>(TJob job, int count)
        where TJob : unmanaged, IJob
    {
        if (ThreadCount == 1 || count < 2 || !_owner.TryEnter())
        {
            for (int i = 0; i < count; i++)
            {
                job.Run(i, 0);
            }

            return;
        }

        try
        {
            Fork(&job, &Invoke<TJob>, count);
        }
        finally
        {
            _owner.Exit();
        }
    }

    /// <summary>Ends the threads, once no job runs.</summary>
    public void Dispose()
    {
        _closed = true;
        _wake.Release(ThreadCount);
    }

    private static void Invoke<TJob>(void* job, int index, int thread)
        where TJob : unmanaged, IJob => Unsafe.AsRef<TJob>(job).Run(index, thread);

    private void Fork(void* job, delegate*<void*, int, int, void> run, int count)
    {
        _job = job;
        _run = run;
        _count = count;
        Volatile.Write(ref _finished, 0);
        ulong number = (_ticket >> 32) + 1;
        Interlocked.Exchange(ref _ticket, (number << 32) | (uint)count);
        int parked = Volatile.Read(ref _parked);
        if (parked > 0)
        {
            _wake.Release(Math.Min(parked, count - 1));
        }

        TakeTasks(0);
        for (int round = 0; Volatile.Read(ref _finished) < count; round++)
        {
            Pause(round);
        }
    }

    private void Work(int thread)
    {
        int idle = 0;
        while (!_closed)
        {
            if (TakeTasks(thread))
            {
                idle = 0;
            }
            else if (idle < SpinRounds + YieldRounds)
            {
                Pause(idle++);
            }
            else
            {
                Park();
                idle = 0;
            }
        }
    }

    private bool TakeTasks(int thread)
    {
        bool any = false;
        while (true)
        {
            ulong ticket = Volatile.Read(ref _ticket);
            uint left = (uint)ticket;
            if (left == 0)
            {
                return any;
            }

            void* job = _job;
            delegate*<void*, int, int, void> run = _run;
            int index = _count - (int)left;
            if (Interlocked.CompareExchange(ref _ticket, ticket - 1, ticket) == ticket)
            {
                run(job, index, thread);
                Interlocked.Increment(ref _finished);
                any = true;
            }
        }
    }

    private void Park()
    {
        Interlocked.Increment(ref _parked);
        if ((uint)Volatile.Read(ref _ticket) == 0 && !_closed)
        {
            _wake.Wait(); // tidy: a worker thread parks here on purpose
        }

        Interlocked.Decrement(ref _parked);
    }

    private static void Pause(int round)
    {
        if (round < SpinRounds)
        {
            Thread.SpinWait(4);
        }
        else
        {
            Thread.Yield();
        }
    }
}
