using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Inference.Engine;
using PixSearch.Inference.Sessions;

namespace PixSearch.Inference.Toys;

/// <summary>An engine on a toy model whose time and searches the test owns.</summary>
internal sealed class EngineHarness : ISearchPort, ISessionLog, IDisposable
{
    private readonly Dictionary<string, EventStream> _streams = [];
    private int _requests;

    public EngineHarness(EngineOptions? options = null, ToyModel? model = null)
    {
        Model = model ?? new ToyModel();
        Core = new EngineCore(Model, options ?? new EngineOptions { PageCount = 256 }, Time, this, this);
    }

    public ManualTime Time { get; } = new();

    public ToyModel Model { get; }

    public EngineCore Core { get; }

    /// <summary>Searches that wait for an answer.</summary>
    public List<SearchCall> Searches { get; } = [];

    /// <summary>What each session's log holds.</summary>
    public Dictionary<string, List<LogEntry>> Logs { get; } = [];

    /// <summary>Sessions that the log was told are over.</summary>
    public HashSet<string> Ended { get; } = [];

    /// <summary>Sessions that the next commit says somebody else owns.</summary>
    public List<string> Lost { get; } = [];

    /// <summary>What the commits of steps wait for; null for commits that are done at once.</summary>
    public Task<IReadOnlyList<string>>? UnderWay { get; set; }

    /// <summary>Commits of steps that were begun.</summary>
    public int Commits { get; private set; }

    public TimeSpan CommitInterval { get; init; }

    public Dictionary<string, EngineRequest> Requests { get; } = [];

    public static RgbImage Picture(int seed) =>
        new(8, 6, [.. Enumerable.Range(0, 8 * 6 * 3).Select(i => (byte)((i * seed) + seed))]);

    public static EngineRequest Request(string id, string script, int picture = 0, string tenant = "t",
        SessionOptions? options = null, DateTimeOffset? deadline = null, int priority = 0)
    {
        RgbImage? image = picture == 0 ? null : Picture(picture);
        UInt128 key = image is null ? 0 : EngineRequest.KeyOf(tenant, image);
        var answer = new AnswerRequest { Question = script, Tenant = tenant, Deadline = deadline, Priority = priority };
        return new EngineRequest(id, answer, options ?? new SessionOptions(), image, key);
    }

    public string Submit(string script, int picture = 0, string tenant = "t", SessionOptions? options = null,
        DateTimeOffset? deadline = null, int priority = 0) =>
        Submit(Request($"s{_requests++}", script, picture, tenant, options, deadline, priority));

    public string Submit(EngineRequest request)
    {
        Requests[request.Id] = request;
        Logs.TryAdd(request.Id, [.. request.Replay ?? []]);
        _streams[request.Id] = Core.Submit(request);
        return request.Id;
    }

    public IReadOnlyList<SessionEvent> Events(string id) => _streams[id].Snapshot();

    public EventStream Stream(string id) => _streams[id];

    public string Text(string id) => string.Concat(Events(id).OfType<TextDelta>().Select(delta => delta.Text));

    /// <summary>Reads everything that is there, as a client would that keeps up.</summary>
    public async Task ReadAllAsync(string id)
    {
        int count = Events(id).Count;
        await foreach (SessionEvent item in _streams[id].ReadAsync(0))
        {
            if (item.Sequence == count - 1)
            {
                break;
            }
        }
    }

    /// <summary>Steps until nothing is left to compute, answering searches with one hit that names the query.</summary>
    public void Run(bool answer = true, int ticksMax = 100_000)
    {
        for (int tick = 0; tick < ticksMax; tick++)
        {
            Time.Advance(TimeSpan.FromMilliseconds(1));
            bool worked = Core.Tick();
            Core.AssertInvariants();
            if (answer && Searches.Count > 0)
            {
                AnswerFirst();
            }
            else if (!worked)
            {
                return;
            }
        }

        throw new InvalidOperationException("The engine did not come to rest.");
    }

    public void AnswerFirst()
    {
        SearchCall call = Searches[0];
        Searches.RemoveAt(0);
        Core.CompleteSearch(call.SessionId, call.Turn, Hits(call.Query), null);
    }

    public static RetrievalResult Hits(RetrievalQuery query)
    {
        string what = query.Modality == SearchModality.Text
            ? query.Text
            : $"{query.Picture!.Width}x{query.Picture.Height}:{query.Picture.Data.ToArray().Sum(value => value)}";
        return new RetrievalResult([new EvidenceHit("d", "T", what, 1, query.Modality)], Partial: false);
    }

    public void Begin(SearchCall call) => Searches.Add(call);

    public void Abandon(string sessionId) => Searches.RemoveAll(call => call.SessionId == sessionId);

    public void Begin(EngineRequest request) => Logs[request.Id] = [];

    public void Append(string sessionId, LogEntry entry) => Logs[sessionId].Add(entry);

    public void End(string sessionId) => Assert.True(Ended.Add(sessionId), $"{sessionId} ended twice");

    public IReadOnlyList<string> Commit()
    {
        string[] lost = [.. Lost];
        Lost.Clear();
        return lost;
    }

    public ValueTask<IReadOnlyList<string>> CommitAsync()
    {
        Commits++;
        return UnderWay is { } commit ? new(commit) : new(Commit());
    }

    public void Dispose()
    {
        Core.Dispose();
        Model.Dispose();
    }
}
