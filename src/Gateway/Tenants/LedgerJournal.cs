using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace PixSearch.Gateway.Tenants;

/// <summary>
/// What budgets survive a crash by: one JSON line per reservation, binding and settlement, written before the request
/// goes on. Lines reach the operating system at once, so <c>kill -9</c> loses none; a torn last line (power loss) is
/// dropped. At the start the file is rewritten with the totals only. Thread-safe.
/// </summary>
internal sealed class LedgerJournal : IDisposable
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    };

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly FileStream? _file;
    private readonly Dictionary<long, Entry> _open = [];
    private readonly List<(string Tenant, long Tokens, DateTimeOffset At)> _spent = [];
    private List<Entry> _unsettled = [];
    private long _last;

    /// <summary>Reads the file of the process before, if any; null = nothing is kept.</summary>
    internal LedgerJournal(string? path, TimeProvider time)
    {
        _time = time;
        if (path is null)
        {
            return;
        }

        if (File.Exists(path))
        {
            Replay(File.ReadLines(path));
        }

        // Totals and open reservations go to a new file that replaces the old one whole.
        string next = path + ".new";
        using (FileStream compact = new(next, FileMode.Create, FileAccess.Write))
        {
            foreach ((string tenant, long tokens, DateTimeOffset at) in _spent)
            {
                Write(compact, new Line { Kind = "spent", Tenant = tenant, Tokens = tokens, At = at });
            }

            foreach (Entry entry in _unsettled)
            {
                Write(compact, new Line { Kind = "reserve", Id = entry.Reservation, Tenant = entry.Tenant,
                    Tokens = entry.Tokens });
                if (entry.Session is { } session)
                {
                    Write(compact, new Line { Kind = "bind", Id = entry.Reservation, Session = session });
                }
            }
        }

        File.Move(next, path, overwrite: true);
        _file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
    }

    /// <summary>A reservation that is not settled.</summary>
    internal sealed record Entry(long Reservation, string Tenant, long Tokens, string? Session);

    /// <summary>Writes down a reservation and returns its number.</summary>
    internal long Reserve(string tenant, long tokens)
    {
        lock (_gate)
        {
            long id = ++_last;
            _open.Add(id, new Entry(id, tenant, tokens, null));
            Append(new Line { Kind = "reserve", Id = id, Tenant = tenant, Tokens = tokens });
            return id;
        }
    }

    /// <summary>Writes down which session a reservation is for.</summary>
    internal void Bind(long reservation, string session)
    {
        lock (_gate)
        {
            _open[reservation] = _open[reservation] with { Session = session };
            Append(new Line { Kind = "bind", Id = reservation, Session = session });
        }
    }

    /// <summary>Writes down what was used.</summary>
    internal void Settle(long reservation, long used)
    {
        lock (_gate)
        {
            if (_open.Remove(reservation))
            {
                Append(new Line { Kind = "settle", Id = reservation, Tokens = used, At = _time.GetUtcNow() });
            }
        }
    }

    /// <summary>The reservations that the process before did not settle; once.</summary>
    internal IReadOnlyList<Entry> TakeUnsettled()
    {
        lock (_gate)
        {
            List<Entry> taken = _unsettled;
            _unsettled = [];
            return taken;
        }
    }

    /// <summary>Gives a tenant's ledger what earlier processes charged.</summary>
    internal void RestoreSpent(Tenant tenant)
    {
        foreach ((_, long tokens, DateTimeOffset at) in _spent.Where(one => one.Tenant == tenant.Name))
        {
            tenant.Ledger.Restore(tokens, at, tenant.Rules.BudgetPeriod);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    private void Replay(IEnumerable<string> lines)
    {
        foreach (string text in lines)
        {
            Line? line;
            try
            {
                line = JsonSerializer.Deserialize<Line>(text, s_json);
            }
            catch (JsonException)
            {
                continue;
            }

            switch (line?.Kind)
            {
                case "spent":
                    _spent.Add((line.Tenant, line.Tokens, line.At));
                    break;
                case "reserve":
                    _open[line.Id] = new Entry(line.Id, line.Tenant, line.Tokens, null);
                    _last = Math.Max(_last, line.Id);
                    break;
                case "bind" when _open.TryGetValue(line.Id, out Entry? bound):
                    _open[line.Id] = bound with { Session = line.Session };
                    break;
                case "settle" when _open.Remove(line.Id, out Entry? settled):
                    _spent.Add((settled.Tenant, line.Tokens, line.At));
                    break;
            }
        }

        // One line a tenant and day: enough for every budget period.
        var totals = _spent.GroupBy(static one => (one.Tenant, one.At.UtcDateTime.Date))
            .Select(static day => (day.Key.Tenant, day.Sum(static one => one.Tokens), day.Max(static one => one.At)))
                .ToList();
        _spent.Clear();
        _spent.AddRange(totals);
        _unsettled = [.. _open.Values];
    }

    private void Append(Line line)
    {
        if (_file is not null)
        {
            Write(_file, line);
        }
    }

    private static void Write(FileStream file, Line line) =>
        file.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(line, s_json) + "\n"));

    private sealed record Line
    {
        public string Kind { get; init; } = "";

        public long Id { get; init; }

        public string Tenant { get; init; } = "";

        public long Tokens { get; init; }

        public string? Session { get; init; }

        public DateTimeOffset At { get; init; }
    }
}
