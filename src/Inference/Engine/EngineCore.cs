using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Inference.Sampling;
using PixSearch.Inference.Sessions;
using PixSearch.Models;
using PixSearch.Tensors;

namespace PixSearch.Inference.Engine;

/// <summary>
/// The engine without its thread: continuous batching of sessions as <c>Schedule → Execute → Apply</c>. Used by one
/// thread; time
/// comes from a <see cref="TimeProvider"/> and searches leave through a port, so that a simulation can own both.
/// </summary>
public sealed partial class EngineCore : IDisposable
{
    // Steps computed while one commit is under way. More would only be computed for nobody to see while a database is
    // away, and be computed again by whoever takes the sessions up.
    private const int StepsBehindMax = 8;

    private readonly ISegmentingModel _model;
    private readonly EngineOptions _options;
    private readonly TimeProvider _time;
    private readonly ISessionLog _log;
    private readonly ISearchPort _search;
    private readonly KvStore _store;
    private readonly ImageCache _images;
    private readonly StepExecutor _executor;
    private readonly ControlVocabulary _vocabulary;
    private readonly Sampler _sampler = new();
    private readonly TokenChosen?[] _chosen;
    private readonly Dictionary<string, EngineSession> _sessions = [];
    private readonly HashSet<EngineSession> _touched = [];
    private readonly List<(EngineSession Session, int Events)> _covered = [];
    private readonly CostModel _costs = new();
    private readonly CostWeights _weights = new();
    private readonly Func<EngineSession, double> _searchingSeconds;
    private readonly EngineCounters _count = new();
    private Task<IReadOnlyList<string>>? _commit;
    private int _stepsBehind;
    private long _committedAt;
    private long _arrivals;
    private long _admittedAt;
    private bool _queued;
    private long? _pressedAt;
    private bool _idle;

    /// <summary>An engine over a model, which it does not own.</summary>
    public EngineCore(ISegmentingModel model, EngineOptions options, TimeProvider time, ISessionLog log,
        ISearchPort search)
    {
        options.Validate(model.ContextLength);
        (_model, _options, _time, _log, _search) = (model, options, time, log, search);
        _store = model.CreateKvStore(options.PageCount, options.PageSize, options.KvType);
        Pool = new PagePool(options.PageCount);
        Ledger = new TenantLedger();
        Scheduler = new Scheduler(options, Pool, Ledger, _costs);
        _images = new ImageCache(model, options.ImageCacheMax);
        var hidden = new HiddenStore(options.PageCount, options.PageSize, model.HiddenSize);
        _executor = new StepExecutor(model, _store, hidden, _images, options, time);
        _chosen = new TokenChosen?[model.Tokenizer.VocabularySize];
        _vocabulary = new ControlVocabulary(model.Tokenizer, model.EndTokens);
        _searchingSeconds = session => _time.GetElapsedTime(session.SearchStartedAt).TotalSeconds;
    }

    /// <summary>Called (on the engine thread) when a reader has made room in its session's buffer.</summary>
    public Action OnRoom { get; set; } = () => { };

    /// <summary>Sessions that are not over.</summary>
    public int SessionCount => _sessions.Count;

    /// <summary>The page books; for checks.</summary>
    public PagePool Pool { get; }

    /// <summary>What tenants have received; for checks.</summary>
    public TenantLedger Ledger { get; }

    internal Scheduler Scheduler { get; }

    /// <summary>Whether a session of the tenant waits to be computed; for checks.</summary>
    public bool Waits(string tenant) => Scheduler.Waiting.Any(session => session.Tenant == tenant);

    /// <summary>A look at the engine.</summary>
    public EngineStats Stats => new()
    {
        SessionsRunning = Scheduler.Running.Count,
        SessionsWaiting = Scheduler.Waiting.Count,
        SessionsSearching = Scheduler.Searching.Count,
        PagesFree = Pool.PagesFree,
        PagesCached = Pool.PagesCached,
        PagesHeld = Pool.PagesHeld,
        ImageReferences = _images.References,
        RowsCached = Scheduler.RowsCached,
        ImageEncodings = _images.Encodings,
        Preemptions = Scheduler.Preemptions,
        Bisections = _executor.Bisections,
        Steps = _count.Steps,
        Rows = _count.Rows,
        Tokens = _count.Tokens,
        Masks = _count.Masks,
        Searches = _count.Searches,
        RowSeconds = _executor.Times.RowSeconds,
        ImageSeconds = _executor.Times.ImageSeconds,
        MaskSeconds = _executor.Times.MaskSeconds,
        SessionsFinished = _count.Finished,
        SessionsFailed = _count.Failed,
        SessionsRefused = _count.Refused,
    };

    /// <summary>
    /// Takes a session in, or answers at once why not: <see cref="PixErrorKind.Overloaded"/> with a time to wait when
    /// the engine is full, <see cref="PixErrorKind.InvalidArgument"/> for what can never work. The next
    /// <see cref="Tick"/> shows its first events.
    /// </summary>
    public EventStream Submit(EngineRequest request)
    {
        request.Options.Validate();
        AnswerRequest answer = request.Answer;
        CheckRoom(answer.Tenant, request.Replay is null ? answer.Deadline : null, request.Replay is not null);
        if (_sessions.ContainsKey(request.Id))
        {
            throw new ArgumentException($"The engine has a session '{request.Id}' already.");
        }

        ModelPrompt prompt = _model.BuildPrompt(answer.Question, request.Picture);
        (int width, int height) = request.Picture is { } picture ? (picture.Width, picture.Height) : (0, 0);
        var start = new SessionStart(prompt, answer.Question, width, height, _model.ContextLength);
        var machine = new SessionMachine(_vocabulary, request.Options, start);
        var stream = new EventStream(_options.EventBufferMax, () => OnRoom());
        var keys = new PageKeys(answer.Tenant, request.PictureKey, _options.PageSize);
        var session = new EngineSession(request, prompt, machine, stream, _arrivals++, keys);
        if (request.Replay is null)
        {
            _log.Begin(request);
            _log.Commit();
        }

        foreach (LogEntry entry in request.Replay ?? [])
        {
            entry.ApplyTo(machine);
        }

        session.Span = EngineTrace.StartSession(request);
        _sessions.Add(request.Id, session);
        Ledger.Enter(answer.Tenant);
        Scheduler.Add(session);
        Advance(session);
        return stream;
    }

    /// <summary>Ends a session; everything it held is free when this returns. False: no such session.</summary>
    public bool Cancel(string sessionId)
    {
        if (!_sessions.TryGetValue(sessionId, out EngineSession? session))
        {
            return false;
        }

        Fail(session, PixErrorKind.Cancelled, "The session was cancelled.");
        Publish();
        return true;
    }

    /// <summary>
    /// Lets a session go so that another engine can take it up from the log: what was computed is committed, what it
    /// held is free, its readers come to an end without a last event. False: it is not here.
    /// </summary>
    public bool HandOver(string sessionId)
    {
        if (!_sessions.TryGetValue(sessionId, out EngineSession? session))
        {
            return false;
        }

        Publish();
        if (_sessions.ContainsKey(sessionId))
        {
            Drop(session);
        }

        return true;
    }

    /// <summary>A search came back: hits, or an error; the next <see cref="Tick"/> shows it. Late answers of searches
    /// that timed out or were cancelled are dropped.</summary>
    public void CompleteSearch(string sessionId, int turn, RetrievalResult? result, Exception? error)
    {
        if (!_sessions.TryGetValue(sessionId, out EngineSession? session) || session.Machine.Search?.Turn != turn)
        {
            return;
        }

        _costs.ObserveSearch(session.Machine.Search.Modality, _searchingSeconds(session));
        if (error is PixException { Kind: PixErrorKind.NotFound or PixErrorKind.BrokenArtifact } wrong)
        {
            Fail(session, wrong.Kind, wrong.Message);
        }
        else
        {
            AcceptEvidence(session, result ?? new RetrievalResult([], Partial: true));
        }
    }

    /// <summary>One step. False: there is nothing to compute until something comes in or
    /// <see cref="NextWake"/>.</summary>
    public bool Tick()
    {
        Expire();
        StepPlan plan = Schedule();
        if (plan.IsEmpty)
        {
            Publish();
            return false;
        }

        // Rows alone: a picture is encoded once, whatever is computed again.
        double before = _executor.Times.RowSeconds;
        StepResult result = _executor.Execute(plan);
        if (plan.RowCount > 0)
        {
            _costs.ObserveStep(plan.RowCount, _executor.Times.RowSeconds - before);
        }

        // What earlier steps did may have become durable meanwhile.
        if (_commit is null or { IsCompleted: true } || ++_stepsBehind >= StepsBehindMax)
        {
            Conclude();
        }

        Apply(plan, result);
        if (_commit is null && _time.GetElapsedTime(_committedAt) >= _log.CommitInterval)
        {
            BeginPublish();
        }

        return true;
    }

    /// <summary>When time alone will change something: a deadline, a search that times out, a reader that is too
    /// slow, pages that somebody waits for.</summary>
    public DateTimeOffset? NextWake()
    {
        DateTimeOffset? next = null;
        if (_idle && Scheduler.Starved && Scheduler.ReturnSeconds(_searchingSeconds) is > 0 and var seconds)
        {
            // A search that lasts longer than expected makes its pages worth taking.
            next = _time.GetUtcNow().AddSeconds(Math.Max(1e-3, seconds));
        }

        foreach (EngineSession session in _sessions.Values)
        {
            next = Earlier(next, session.Request.Answer.Deadline);
            next = Earlier(next, session.SearchDeadline);
            next = Earlier(next, session.StalledSince + _options.ReaderTimeout);
        }

        return next;

        static DateTimeOffset? Earlier(DateTimeOffset? a, DateTimeOffset? b) => a is null || b < a ? b ?? a : a;
    }

    /// <summary>Throws when pages, references or sessions do not add up.</summary>
    public void AssertInvariants()
    {
        Pool.AssertInvariants();
        int placed = Scheduler.Running.Count + Scheduler.Waiting.Count + Scheduler.Searching.Count;
        int references = _sessions.Values.Count(session => session.Image is not null);
        if (placed != _sessions.Count || references != _images.References || (placed == 0 && Pool.PagesHeld > 0))
        {
            throw new InvalidOperationException(
                $"{_sessions.Count} sessions, {placed} placed; {references} hold pictures, "
                + $"{_images.References} counted; {Pool.PagesHeld} pages held.");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            Conclude();
        }
        catch (Exception)
        {
            // The log cannot be written any more: readers are told below that the server stopped.
        }

        foreach (EngineSession session in _sessions.Values.ToArray())
        {
            // Not logged: with a log the session goes on after a restart.
            session.Machine.Fail(PixErrorKind.Unavailable, "The server stopped before the answer was complete.");
            _touched.Add(session);
            Close(session);
        }

        Cover();
        Deliver();
        _images.Dispose();
        _store.Dispose();
    }

    /// <summary>Ends all sessions: for a defect after which nothing of them can be trusted.</summary>
    public void FailAll(PixErrorKind kind, string message)
    {
        foreach (EngineSession session in _sessions.Values.ToArray())
        {
            Fail(session, kind, message);
        }

        try
        {
            Publish();
        }
        catch (Exception)
        {
            // The log itself is broken: readers are told all the same.
            Cover();
            Deliver();
        }
    }
}
