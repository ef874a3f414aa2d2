using System.Security.Cryptography;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Inference.Engine;
using PixSearch.Inference.Sessions;
using PixSearch.Inference.Toys;

namespace PixSearch.Simulation;

/// <summary>
/// The real engine under a seed: its time, its retrieval, its clients and its death are simulated. After every step
/// the books must
/// balance; in the end every request has ended exactly once, nothing is held, and what clients saw is what the log
/// replays to.
/// </summary>
internal sealed class EngineSimulation : ISearchPort
{
    private const int StepsMax = 50_000;

    private readonly Scenario _scenario;
    private readonly ManualTime _time = new();
    private readonly SimulatedLog _log = new();
    private readonly List<(DateTimeOffset At, SearchCall Call, int Kind)> _searches = [];
    private readonly Dictionary<string, Client> _clients = [];
    private readonly Dictionary<string, Exception> _errors = [];
    private ToyModel _model;
    private EngineCore _core;
    private int _step;

    public EngineSimulation(ulong seed)
    {
        _scenario = new Scenario(seed);
        (_model, _core) = Boot();
    }

    public long Preemptions { get; private set; }

    public int Crashes { get; private set; }

    public int Refused { get; private set; }

    public int Answered => _clients.Values.Count(client => client.Seen[^1] is Finished);

    /// <summary>Runs to the end and returns a digest of all that clients saw.</summary>
    public async Task<string> RunAsync()
    {
        var arrivals = new Queue<Visit>(_scenario.Visits.OrderBy(visit => visit.Arrival));
        while (arrivals.Count > 0 || _core.SessionCount > 0)
        {
            Assert.True(++_step < StepsMax, "the simulation does not come to an end");
            while (arrivals.Count > 0 && Scenario.Start + arrivals.Peek().Arrival <= _time.GetUtcNow())
            {
                Arrive(arrivals.Dequeue());
            }

            CancelDue();
            AnswerSearches();
            bool worked = Step();
            await ReadAsync();
            _core.AssertInvariants();
            Assert.InRange(_model.EncodingsAlive, 0, _scenario.Options.ImageCacheMax + _core.SessionCount);
            if (!worked)
            {
                Skip(arrivals);
            }
        }

        await ReadAsync(all: true);
        return Check();
    }

    public void Begin(SearchCall call)
    {
        // 0..5 hits, 6 an error, 7 never: the engine's own timeout must end it.
        int kind = Scenario.Below(_scenario.Random, 8);
        var latency = TimeSpan.FromMilliseconds(1 + Scenario.Below(_scenario.Random, 1_500));
        _searches.Add((kind == 7 ? DateTimeOffset.MaxValue : _time.GetUtcNow() + latency, call, kind));
    }

    public void Abandon(string sessionId)
    {
        // Half of the abandoned searches answer all the same, late: nobody may take that for the next turn's answer.
        bool deaf = Scenario.Below(_scenario.Random, 2) == 0;
        _searches.RemoveAll(search => search.Call.SessionId == sessionId && !deaf);
    }

    private (ToyModel Model, EngineCore Core) Boot()
    {
        var model = new ToyModel(Scenario.Context) { FullPicture = _scenario.FullPicture };
        EngineOptions options = _scenario.Options with { OnRequestFailed = (id, error) => _errors[id] = error };
        return (model, new EngineCore(model, options, _time, _log, this));
    }

    private void Arrive(Visit visit)
    {
        try
        {
            EventStream stream = _core.Submit(visit.Request);
            _clients.Add(visit.Request.Id, new Client(visit, stream));
        }
        catch (PixException error) when (error.Kind == PixErrorKind.Overloaded)
        {
            Assert.NotNull(error.RetryAfter);
            Refused++;
        }
    }

    private void CancelDue()
    {
        foreach (Client client in _clients.Values)
        {
            if (client.Visit.CancelAfter is { } after && !client.Cancelled
                && Scenario.Start + client.Visit.Arrival + after <= _time.GetUtcNow())
            {
                client.Cancelled = true;
                _core.Cancel(client.Visit.Request.Id);
            }
        }
    }

    private void AnswerSearches()
    {
        foreach ((DateTimeOffset At, SearchCall Call, int Kind) search in _searches.ToArray())
        {
            if (search.At > _time.GetUtcNow())
            {
                continue;
            }

            _searches.Remove(search);
            EvidenceHit[] hits = [.. Enumerable.Range(0, Math.Min(search.Kind, search.Call.Query.TopK)).Select(
                i => new EvidenceHit($"d{i}", $"T{i}", search.Call.Query.Modality.ToString().ToLowerInvariant(), 1,
                    default))];
            Exception? error = search.Kind == 6 ? new IOException("the index is on fire") : null;
            RetrievalResult? result = error is null ? new RetrievalResult(hits, Partial: search.Kind == 1) : null;
            _core.CompleteSearch(search.Call.SessionId, search.Call.Turn, result, error);
        }
    }

    private bool Step()
    {
        bool dies = _scenario.CrashSteps.Contains(_step);
        _log.DieAtCommit = dies && _step % 2 == 1;
        bool worked = true;
        try
        {
            worked = _core.Tick();
        }
        catch (ProcessDiedException)
        {
            Assert.True(_log.DieAtCommit);
        }

        _log.DieAtCommit = false;
        _time.Advance(TimeSpan.FromMilliseconds(1 + Scenario.Below(_scenario.Random, 5)));
        if (dies)
        {
            Crash();
            worked = true;
        }

        return worked;
    }

    /// <summary>The process dies: what is left is the committed log, from which the next one takes the sessions
    /// up.</summary>
    private void Crash()
    {
        Crashes++;
        Preemptions += _core.Stats.Preemptions;
        _log.Crash();
        _searches.Clear();
        (_model, _core) = Boot();
        foreach (Client client in _clients.Values)
        {
            string id = client.Visit.Request.Id;
            EngineRequest request =
                client.Visit.Request with { Replay = _log.Entries[id] is { } entries ? [.. entries] : [] };
            if (_log.Over.Contains(id))
            {
                // Finished before: the events that clients have yet to read are replayed without an engine.
                client.Replace(Replay(request).Events);
            }
            else
            {
                client.Replace(_core.Submit(request));
            }
        }
    }

    private async Task ReadAsync(bool all = false)
    {
        foreach (Client client in _clients.Values)
        {
            if (all || _step % client.Visit.ReadsEvery == 0)
            {
                await client.ReadAsync();
            }
        }
    }

    /// <summary>Nothing to compute: on to the next moment at which something happens.</summary>
    private void Skip(Queue<Visit> arrivals)
    {
        DateTimeOffset next = _core.NextWake() ?? DateTimeOffset.MaxValue;
        if (arrivals.Count > 0 && Scenario.Start + arrivals.Peek().Arrival < next)
        {
            next = Scenario.Start + arrivals.Peek().Arrival;
        }

        foreach ((DateTimeOffset at, SearchCall _, int _) in _searches)
        {
            next = at < next ? at : next;
        }

        bool slowReader = _clients.Values.Any(client => client.Behind && client.Visit.ReadsEvery > 1);
        Assert.True(next < DateTimeOffset.MaxValue || slowReader || _core.SessionCount == 0,
            "sessions wait for nothing");
        if (!slowReader && next < DateTimeOffset.MaxValue)
        {
            _time.AdvanceTo(next);
        }
    }

    private SessionMachine Replay(EngineRequest request)
    {
        var vocabulary = new ControlVocabulary(_model.Tokenizer, _model.EndTokens);
        (int width, int height) = request.Picture is { } picture ? (picture.Width, picture.Height) : (0, 0);
        var start = new SessionStart(_model.BuildPrompt(request.Answer.Question, request.Picture),
            request.Answer.Question,
            width, height, Scenario.Context);
        var machine = new SessionMachine(vocabulary, request.Options, start);
        foreach (LogEntry entry in request.Replay!)
        {
            entry.ApplyTo(machine);
        }

        return machine;
    }

    private string Check()
    {
        EngineStats stats = _core.Stats;
        Preemptions += stats.Preemptions;
        Assert.Equal((0, 0, 0), (_core.SessionCount, stats.PagesHeld, stats.ImageReferences));
        Assert.All(_scenario.Visits, visit => Assert.Equal(0, _core.Ledger.Active(visit.Request.Answer.Tenant)));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Client client in _clients.Values)
        {
            string id = client.Visit.Request.Id;
            Assert.Single(client.Seen, item => item is Finished or Failed);
            Assert.True(client.Seen[^1] is Finished or Failed);
            Assert.Contains(id, _log.Over);
            if (client.Seen[^1] is Failed { Kind: PixErrorKind.Internal })
            {
                Assert.True(client.Visit.Poisoned, $"{id} failed: {_errors[id]}");
            }

            string seen = JsonSerializer.Serialize<IReadOnlyList<SessionEvent>>(client.Seen);
            SessionMachine replayed = Replay(client.Visit.Request with { Replay = _log.Entries[id] });
            Assert.Equal(JsonSerializer.Serialize(replayed.Events), seen);
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(seen));
        }

        _core.Dispose();
        Assert.Equal(0, _model.EncodingsAlive);
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>A reader: what it has seen may only ever grow, also over a crash.</summary>
    private sealed class Client(Visit visit, EventStream stream)
    {
        private EventStream? _stream = stream;
        private IReadOnlyList<SessionEvent> _rest = [];

        public Visit Visit { get; } = visit;

        public List<SessionEvent> Seen { get; } = [];

        public bool Cancelled { get; set; }

        public bool Behind => (_stream?.Snapshot() ?? _rest).Count > Seen.Count;

        public void Replace(EventStream stream) => _stream = stream;

        public void Replace(IReadOnlyList<SessionEvent> events) => (_stream, _rest) = (null, events);

        public async Task ReadAsync()
        {
            if (_stream is null)
            {
                Seen.AddRange(_rest.Skip(Seen.Count));
                return;
            }

            int count = _stream.Snapshot().Count;
            if (count <= Seen.Count)
            {
                return;
            }

            await foreach (SessionEvent item in _stream.ReadAsync(Seen.Count))
            {
                Assert.Equal(Seen.Count, item.Sequence);
                Seen.Add(item);
                if (Seen.Count == count)
                {
                    // One more question tells the stream that the last event was taken.
                    break;
                }
            }
        }
    }
}
