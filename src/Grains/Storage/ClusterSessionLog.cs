using System.Collections.Concurrent;
using System.Text.Json;
using Npgsql;
using PixSearch.Inference.Engine;

namespace PixSearch.Grains.Storage;

/// <summary>
/// An engine's session log in the shared store: one statement a step for all of its sessions. While the database is
/// away the engine waits here: nothing is shown that is not durable, and nothing is lost.
/// </summary>
public sealed class ClusterSessionLog(SessionStore store, TimeSpan patience) : ISessionLog, IDisposable
{
    private readonly ConcurrentDictionary<string, Owned> _owned = new();
    private readonly List<EntryWrite> _writes = [];
    private readonly ManualResetEventSlim _stop = new();

    /// <summary>Called before a session is submitted: writes go under this epoch, from this position on.</summary>
    public void Own(string sessionId, long epoch, int position) => _owned[sessionId] = new Owned(epoch, position);

    /// <inheritdoc/>
    public void Begin(EngineRequest request)
    {
        // The session's row exists: its grain made it before any engine heard of it.
    }

    /// <inheritdoc/>
    public void Append(string sessionId, LogEntry entry)
    {
        if (_owned.TryGetValue(sessionId, out Owned? owned))
        {
            _writes.Add(new EntryWrite(sessionId, owned.Epoch, owned.Next++, JsonSerializer.Serialize(entry),
                Last: false));
        }
    }

    /// <inheritdoc/>
    public void End(string sessionId)
    {
        if (_owned.TryRemove(sessionId, out Owned? owned))
        {
            _writes.Add(new EntryWrite(sessionId, owned.Epoch, owned.Next, null, Last: true));
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Commit()
    {
        if (_writes.Count == 0)
        {
            return [];
        }

        // Appending again after an answer that got lost is safe: positions are unique.
        for (long waited = 0; ; waited += DatabaseOutage.Pause.Ticks)
        {
            try
            {
                IReadOnlyList<string> lost = store.Append(_writes);
                _writes.Clear();
                foreach (string id in lost)
                {
                    _owned.TryRemove(id, out _);
                }

                return lost;
            }
            catch (NpgsqlException error)
                when (DatabaseOutage.IsOutage(error) && waited < patience.Ticks && !_stop.IsSet)
            {
                _stop.Wait(DatabaseOutage.Pause);
            }
        }
    }

    /// <summary>Ends a wait for the database.</summary>
    public void Dispose() => _stop.Set();

    private sealed class Owned(long epoch, int next)
    {
        public long Epoch { get; } = epoch;

        public int Next { get; set; } = next;
    }
}
