using System.Collections.Concurrent;
using PixSearch.Abstractions;
using PixSearch.Grains;
using PixSearch.Grains.Contracts;
using PixSearch.Inference.Engine;

namespace PixSearch.Cluster.Tests;

/// <summary>An engine that answers at once and reports what the test says.</summary>
internal sealed class EngineDouble(string silo) : IEngineHost
{
    public static readonly Usage Used = new(10, 5, 15, 0, 0, 0) { Sequence = 1 };

    public EngineReport Report { get; private set; } = new() { Silo = silo, Models = [] };

    public ConcurrentQueue<string> Sessions { get; } = new();

    /// <summary>Refuses every session.</summary>
    public bool Full { get; set; }

    public bool IsDraining => Report.Draining;

    public void Set(Func<EngineReport, EngineReport> change)
    {
        Full = false;
        Report = change(new EngineReport { Silo = silo, Models = ["m"], PagesFree = 100, PagesTotal = 100 });
    }

    public EnginePlace Enter(bool resumed) => Full
        ? throw new PixException(PixErrorKind.Overloaded, "The engine is full.")
        : new EnginePlace(() => { });

    public Task RunAsync(StoredSession session, EnginePlace place, CancellationToken cancellation)
    {
        Sessions.Enqueue(session.Id);
        return Task.CompletedTask;
    }

    /// <summary>Streams that a test writes itself; any other session has answered at once.</summary>
    public ConcurrentDictionary<string, EventStream> Streams { get; } = new();

    public EventStream? Find(string sessionId)
    {
        EventStream stream = Streams.GetOrAdd(sessionId, _ => Answered());
        return stream.IsAbandoned ? null : stream;
    }

    private static EventStream Answered()
    {
        var stream = new EventStream(bufferMax: 100, onRoom: () => { });
        stream.Publish(new TextDelta("A flag.") { Sequence = 0 });
        stream.Publish(Used);
        stream.Publish(new Finished(FinishReason.Stop) { Sequence = 2 });
        return stream;
    }

    public Task<bool> CancelAsync(string sessionId) => Task.FromResult(true);

    // Later than any report that the publisher made of what was set before.
    public Task<EngineReport> ReportAsync() =>
        Task.FromResult(Report with { Version = Interlocked.Increment(ref s_version) });

    public Task DrainAsync() => Task.CompletedTask;

    private static long s_version;
}

/// <summary>An index of two shards whose searches the test holds or breaks, silo by silo.</summary>
internal sealed class ShardDouble : IShardHost
{
    public const int Shards = 2;

    /// <summary>Runs before each search of this silo.</summary>
    public Func<Task> Before { get; set; } = () => Task.CompletedTask;

    public string Resolve(string index) => "ix";

    public int CountOf(string index) => Shards;

    public IRetriever Open(string index, int shard) => new Shard(this, shard);

    private sealed class Shard(ShardDouble owner, int number) : IRetriever
    {
        public async ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation)
        {
            await owner.Before();
            return new RetrievalResult(
                [new EvidenceHit($"{number}", $"shard {number}", "", 1 - (number / 10f), query.Modality)], false);
        }
    }
}
