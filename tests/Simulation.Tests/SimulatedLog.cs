using PixSearch.Inference.Engine;

namespace PixSearch.Simulation;

/// <summary>A session log that loses what was not committed, as a process that dies does.</summary>
internal sealed class SimulatedLog : ISessionLog
{
    private readonly List<Action> _pending = [];

    /// <summary>Committed inputs by session.</summary>
    public Dictionary<string, List<LogEntry>> Entries { get; } = [];

    /// <summary>Requests by session, committed.</summary>
    public Dictionary<string, EngineRequest> Requests { get; } = [];

    /// <summary>Sessions that are over, committed.</summary>
    public HashSet<string> Over { get; } = [];

    /// <summary>Set to let the next commit fail, as when the process dies before it.</summary>
    public bool DieAtCommit { get; set; }

    public void Begin(EngineRequest request) => _pending.Add(() =>
    {
        Requests.Add(request.Id, request);
        Entries.Add(request.Id, []);
    });

    public void Append(string sessionId, LogEntry entry) => _pending.Add(() =>
    {
        Assert.DoesNotContain(sessionId, Over);
        Entries[sessionId].Add(entry);
    });

    public void End(string sessionId) =>
        _pending.Add(() => Assert.True(Over.Add(sessionId), $"{sessionId} ended twice"));

    public IReadOnlyList<string> Commit()
    {
        if (DieAtCommit)
        {
            _pending.Clear();
            throw new ProcessDiedException();
        }

        foreach (Action apply in _pending)
        {
            apply();
        }

        _pending.Clear();
        return [];
    }

    /// <summary>What was not committed is gone.</summary>
    public void Crash() => _pending.Clear();
}

/// <summary>The simulated process is dead: nothing of it may run on.</summary>
internal sealed class ProcessDiedException : Exception;
