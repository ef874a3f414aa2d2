using System.Runtime.InteropServices;

namespace PixSearch.Tensors;

/// <summary>
/// The kernels' threads for work outside of a backend, the optimizer's for example. Tasks are cut by sizes alone and
/// each writes elements of its own, so that results are the same for any number of threads.
/// </summary>
public static class SharedWork
{
    /// <summary>Runs <c>task(0..count-1)</c> on all threads of the process's pool; returns when all are done.</summary>
    /// <exception cref="Exception">What a task threw, once all have ended: the first in the order of tasks.</exception>
    public static void Run(int count, Action<int> task) => Run(WorkerPool.Shared, count, task);

    /// <summary>For tests: on a pool of their own.</summary>
    internal static void Run(WorkerPool pool, int count, Action<int> task)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var work = new Work(task, new Exception?[count]);
        var handle = GCHandle.Alloc(work);
        try
        {
            pool.Run(new Job { Work = handle }, count);
        }
        finally
        {
            handle.Free();
        }

        if (Array.Find(work.Failures, failure => failure is not null) is { } first)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
        }
    }

    // A job of the pool is plain data, so the delegate travels as a handle.
    private struct Job : IJob
    {
        public GCHandle Work;

        public readonly void Run(int index, int thread)
        {
            var work = (Work)Work.Target!;
            // A failure on a kernel thread would end the process: the caller gets it.
            try
            {
                work.Task(index);
            }
            catch (Exception failure)
            {
                work.Failures[index] = failure;
            }
        }
    }

    private sealed record Work(Action<int> Task, Exception?[] Failures);
}
