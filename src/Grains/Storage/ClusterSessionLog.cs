using System.Collections.Concurrent;
using System.Text.Json;
using Npgsql;
using PixSearch.Inference.Engine;

namespace PixSearch.Grains.Storage;

/// <summary>
/// An engine's session log in the shared store: one statement for all that its sessions did since the last one, which
/// is under way while the engine computes its next steps. While the database is away the engine waits here: nothing is
/// shown that is not durable, and nothing is lost.
/// </summary>
/// <param name="store">The store.</param>
/// <param name="patience">How long a database that is away is waited for.</param>
/// <param name="interval">See <see cref="ISessionLog.CommitInterval"/>.</param>
public sealed class ClusterSessionLog(SessionStore store, TimeSpan patience, TimeSpan interval)
    : ISessionLog, IDisposable
{
    private readonly ConcurrentDictionary<string, Owned> _owned = new();
    private readonly List<EntryWrite> _writes = [];
    private volatile bool _stopped;

    /// <inheritdoc/>
    public TimeSpan CommitInterval => interval;

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
            Add(new EntryWrite(sessionId, owned.Epoch, owned.Next++, JsonSerializer.Serialize(entry),
                Last: false));
        }
    }

    /// <inheritdoc/>
    public void End(string sessionId)
    {
        if (_owned.TryRemove(sessionId, out Owned? owned))
        {
            Add(new EntryWrite(sessionId, owned.Epoch, owned.Next, null, Last: true));
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Commit()
    {
        Task<IReadOnlyList<string>> commit = CommitAsync().AsTask();
        return commit.GetAwaiter().GetResult(); // tidy: the engine's own thread, which must wait
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> CommitAsync()
    {
        EntryWrite[] writes;
        lock (_writes)
        {
            writes = [.. _writes];
            _writes.Clear();
        }

        return writes.Length == 0 ? new([]) : new(WriteAsync(writes));
    }

    /// <summary>Ends a wait for the database.</summary>
    public void Dispose() => _stopped = true;

    private async Task<IReadOnlyList<string>> WriteAsync(EntryWrite[] writes)
    {
        // Appending again after an answer that got lost is safe: positions are unique.
        for (TimeSpan waited = TimeSpan.Zero; ; waited += DatabaseOutage.Pause)
        {
            try
            {
                IReadOnlyList<string> lost = await store.AppendAsync(writes);
                foreach (EntryWrite write in writes.Where(write => lost.Contains(write.SessionId)))
                {
                    Forget(write);
                }

                return lost;
            }
            catch (NpgsqlException error)
                when (DatabaseOutage.IsOutage(error) && waited < patience && !_stopped)
            {
                await Task.Delay(DatabaseOutage.Pause);
            }
            catch
            {
                // Not written: they go first in the next commit.
                lock (_writes)
                {
                    _writes.InsertRange(0, writes);
                }

                throw;
            }
        }
    }

    /// <summary>The session is somebody else's, unless it was claimed again since.</summary>
    private void Forget(EntryWrite lost)
    {
        if (_owned.TryGetValue(lost.SessionId, out Owned? owned) && owned.Epoch == lost.Epoch)
        {
            _owned.TryRemove(KeyValuePair.Create(lost.SessionId, owned));
        }
    }

    private void Add(EntryWrite write)
    {
        lock (_writes)
        {
            _writes.Add(write);
        }
    }

    private sealed class Owned(long epoch, int next)
    {
        public long Epoch { get; } = epoch;

        public int Next { get; set; } = next;
    }
}
