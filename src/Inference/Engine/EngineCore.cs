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
public sealed class EngineCore : IDisposable
{
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
    private readonly Dictionary<string, EngineSession> _sessions = [];
    private readonly List<EngineSession> _touched = [];
    private readonly CostModel _costs = new();
    private readonly CostWeights _weights = new();
    private readonly Func<EngineSession, double> _searchingSeconds;
    private readonly EngineCounters _count = new();
    private long _arrivals;

    /// <summary>An engine over a model, which it does not own.</summary>
    public EngineCore(ISegmentingModel model, EngineOptions options, TimeProvider time, ISessionLog log,
        ISearchPort search)
    {
        options.Validate(model.ContextLength);
        (_model, _options, _time, _log, _search) = (model, options, time, log, search);
        _store = model.CreateKvStore(options.PageCount, options.PageSize);
        Pool = new PagePool(options.PageCount);
        Ledger = new TenantLedger();
        Scheduler = new Scheduler(options, Pool, Ledger, _costs);
        _images = new ImageCache(model, options.ImageCacheMax);
        var hidden = new HiddenStore(options.PageCount, options.PageSize, model.HiddenSize);
        _executor = new StepExecutor(model, _store, hidden, _images, options);
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
        SessionsFinished = _count.Finished,
        SessionsFailed = _count.Failed,
        SessionsRefused = _count.Refused,
    };

    /// <summary>
    /// Takes a session in, or answers at once why not: <see cref="PixErrorKind.Overloaded"/> with a time to wait when
    /// the engine
    /// is full, <see cref="PixErrorKind.InvalidArgument"/> for what can never work.
    /// </summary>
    public EventStream Submit(EngineRequest request)
    {
        request.Options.Validate();
        AnswerRequest answer = request.Answer;
        CheckRoom(answer.Tenant);
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

        _sessions.Add(request.Id, session);
        Ledger.Enter(answer.Tenant);
        Scheduler.Add(session);
        Advance(session);
        Publish();
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
    /// held is free,
    /// its readers come to an end without a last event. False: it is not here.
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

    /// <summary>A search came back: hits, or an error. Late answers of searches that timed out or were cancelled are
    /// dropped.</summary>
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

        Publish();
    }

    /// <summary>One step. False: there is nothing to compute until something comes in or
    /// <see cref="NextWake"/>.</summary>
    public bool Tick()
    {
        Expire();
        StepPlan plan = Scheduler.Schedule(_searchingSeconds);
        if (plan.IsEmpty)
        {
            Publish();
            return false;
        }

        long started = _time.GetTimestamp();
        StepResult result = _executor.Execute(plan);
        if (plan.RowCount > 0 && plan.Masks.Count == 0)
        {
            _costs.ObserveStep(plan.RowCount, _time.GetElapsedTime(started).TotalSeconds);
        }

        Apply(plan, result);
        Publish();
        return true;
    }

    /// <summary>When time alone will change something: a deadline, a search that times out, a reader that is too
    /// slow.</summary>
    public DateTimeOffset? NextWake()
    {
        DateTimeOffset? next = null;
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
        foreach (EngineSession session in _sessions.Values.ToArray())
        {
            // Not logged: with a log the session goes on after a restart.
            session.Machine.Fail(PixErrorKind.Unavailable, "The server stopped before the answer was complete.");
            _touched.Add(session);
            Close(session);
        }

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
            Deliver();
        }
    }

    private void CheckRoom(string tenant)
    {
        bool full = _sessions.Count >= _options.SessionsMax;
        bool tenantFull = _options.SessionsPerTenantMax > 0 && Ledger.Active(tenant) >= _options.SessionsPerTenantMax;
        if (!full && !tenantFull)
        {
            return;
        }

        _count.Refused++;
        int limit = full ? _options.SessionsMax : _options.SessionsPerTenantMax;
        double rows =
            Scheduler.Waiting.Sum(session => session.Machine.SlotCount + session.Machine.Options.Sampling.MaxTokens);
        double seconds = Math.Clamp(rows / Math.Max(1, _costs.RowsPerSecond), 1, 60);
        throw new PixException(PixErrorKind.Overloaded,
            $"The engine has {limit} sessions{(full ? "" : " of this tenant")}, its limit "
            + $"({(full ? "SessionsMax" : "SessionsPerTenantMax")}): try again in {seconds:0} s.")
        {
            RetryAfter = TimeSpan.FromSeconds(seconds),
        };
    }

    private void Expire()
    {
        DateTimeOffset now = _time.GetUtcNow();
        List<EngineSession>? due = null;
        foreach (EngineSession session in _sessions.Values)
        {
            session.Stalled = session.Stream.IsFull;
            session.StalledSince = session.Stalled ? session.StalledSince ?? now : null;
            bool late = session.Request.Answer.Deadline <= now || session.SearchDeadline <= now
                || session.StalledSince + _options.ReaderTimeout <= now;
            if (late)
            {
                (due ??= []).Add(session);
            }
        }

        foreach (EngineSession session in due ?? [])
        {
            if (session.Request.Answer.Deadline <= now)
            {
                Fail(session, PixErrorKind.DeadlineExceeded, "The deadline passed before the answer was complete.");
            }
            else if (session.SearchDeadline <= now)
            {
                _costs.ObserveSearch(session.Machine.Search!.Modality, _searchingSeconds(session));
                _search.Abandon(session.Id);
                AcceptEvidence(session, new RetrievalResult([], Partial: true));
            }
            else
            {
                Fail(session, PixErrorKind.Cancelled,
                    $"Nobody read the session's events for {_options.ReaderTimeout.TotalSeconds:0} s (ReaderTimeout) while "
                    + $"{_options.EventBufferMax} (EventBufferMax) were waiting.");
            }
        }
    }

    private void Apply(StepPlan plan, StepResult result)
    {
        _count.Steps++;
        _count.Rows += plan.RowCount;
        for (int i = 0; i < plan.Masks.Count; i++)
        {
            ApplyMasks(plan.Masks[i], result.Masks[i], result.MaskErrors[i]);
        }

        for (int i = 0; i < plan.Items.Count; i++)
        {
            StepItem item = plan.Items[i];
            if (result.ItemErrors[i] is { } error)
            {
                FailWith(item.Session, error);
                continue;
            }

            ApplyRows(item, _executor.Logits(i));
        }
    }

    private void ApplyMasks(EngineSession session, IReadOnlyList<DecodedMask>? masks, Exception? error)
    {
        if (masks is null)
        {
            FailWith(session, error!);
            return;
        }

        _count.Masks += masks.Count;
        Ledger.Charge(session.Tenant, _weights.Mask * masks.Count);
        Input(session, new MasksDecoded(masks));
    }

    private void ApplyRows(StepItem item, Span<float> logits)
    {
        EngineSession session = item.Session;
        bool samples = item.Samples;
        session.Computed += item.Count;
        PublishPages(session);
        Ledger.Charge(session.Tenant, samples && item.Count == 1 ? _weights.DecodeRow
            : _weights.PromptRow * item.Count);
        if (!samples)
        {
            return;
        }

        try
        {
            SessionMachine machine = session.Machine;
            int token = _sampler.Choose(logits, machine.Options.Sampling, machine.SlotCount, session.Forbids);
            _count.Tokens++;
            Input(session, new TokenChosen(token));
        }
        catch (PixException error)
        {
            Fail(session, error.Kind, error.Message);
        }
    }

    private void PublishPages(EngineSession session)
    {
        if (!_options.PrefixCache)
        {
            return;
        }

        ReadOnlySpan<int> slots = session.Machine.Slots.Span;
        for (; (session.PagesPublished + 1) * _options.PageSize <= session.Computed; session.PagesPublished++)
        {
            int index = session.PagesPublished;
            Pool.Publish(session.Pages[index], session.Keys.Get(index, slots));
        }
    }

    private void AcceptEvidence(EngineSession session, RetrievalResult result)
    {
        session.SearchDeadline = null;
        Scheduler.Resume(session);
        Input(session, new EvidenceReceived(result.Hits, result.Partial));
    }

    /// <summary>Every input goes through here: into the log, into the machine, and on to what follows.</summary>
    private void Input(EngineSession session, LogEntry entry)
    {
        _log.Append(session.Id, entry);
        entry.ApplyTo(session.Machine);
        Advance(session);
    }

    private void Advance(EngineSession session)
    {
        _touched.Add(session);
        switch (session.Machine.Next)
        {
            case SessionAction.Search:
                Scheduler.Pause(session);
                Send(session, session.Machine.Search!);
                break;
            case SessionAction.None:
                _log.End(session.Id);
                Close(session);
                break;
            default:
                break;
        }
    }

    private void Send(EngineSession session, SearchOrder order)
    {
        _count.Searches++;
        Ledger.Charge(session.Tenant, _weights.Search);
        session.SearchStartedAt = _time.GetTimestamp();
        session.SearchDeadline = _time.GetUtcNow() + session.Machine.Options.SearchTimeout;
        RgbPixels? pixels = null;
        if (order.Modality != SearchModality.Text && session.Request.Picture is { } picture)
        {
            SessionOptions options = session.Machine.Options;
            pixels = (order.Mask is { } mask
                ? RegionCrop.Cut(picture, RleCodec.Decode(mask), options.CropBackground, options.CropPadding)
                : picture).ToPort();
        }

        string text = order.Modality == SearchModality.Text ? order.Query : "";
        var query = new RetrievalQuery(session.Request.Answer.Index, order.Modality, text, pixels, order.TopK);
        _search.Begin(new SearchCall(session.Id, order.Turn, query, session.Machine.Options.SearchTimeout));
    }

    private void FailWith(EngineSession session, Exception error)
    {
        if (error is PixException expected)
        {
            Fail(session, expected.Kind, expected.Message);
            return;
        }

        _options.OnRequestFailed?.Invoke(session.Id, error);
        Fail(session, PixErrorKind.Internal,
            $"The model failed on this request ({error.GetType().Name}); others were not touched.");
    }

    private void Fail(EngineSession session, PixErrorKind kind, string message)
    {
        if (session.Place != SessionPlace.Ended)
        {
            Input(session, new SessionFailed(kind, message));
        }
    }

    private void Close(EngineSession session)
    {
        bool well = session.Machine.Events[^1] is Finished;
        _count.Finished += well ? 1 : 0;
        _count.Failed += well ? 0 : 1;
        Free(session);
    }

    private void Free(EngineSession session)
    {
        Scheduler.End(session);
        Ledger.Leave(session.Tenant);
        if (session.SearchDeadline is not null)
        {
            session.SearchDeadline = null;
            _search.Abandon(session.Id);
        }

        if (session.Image is not null)
        {
            _images.Release(session.Request.PictureKey);
            session.Image = null;
        }

        _sessions.Remove(session.Id);
    }

    /// <summary>Commits the log, then lets readers see the events of this step.</summary>
    private void Publish()
    {
        if (_touched.Count == 0)
        {
            return;
        }

        foreach (string lost in _log.Commit())
        {
            if (_touched.FirstOrDefault(session => session.Id == lost) is { } session)
            {
                Drop(session);
            }
        }

        Deliver();
    }

    /// <summary>Frees what a session held; it goes on elsewhere, so neither the log nor readers hear of an
    /// end.</summary>
    private void Drop(EngineSession session)
    {
        _touched.RemoveAll(touched => touched == session);
        if (_sessions.ContainsKey(session.Id))
        {
            Free(session);
        }

        session.Stream.Abandon();
    }

    private void Deliver()
    {
        foreach (EngineSession session in _touched)
        {
            IReadOnlyList<SessionEvent> events = session.Machine.Events;
            while (session.EventsPublished < events.Count)
            {
                session.Stream.Publish(events[session.EventsPublished++]);
            }
        }

        _touched.Clear();
    }
}

/// <summary>Totals of an engine; see <see cref="EngineStats"/>.</summary>
internal sealed class EngineCounters
{
    public long Steps { get; set; }

    public long Rows { get; set; }

    public long Tokens { get; set; }

    public long Masks { get; set; }

    public long Searches { get; set; }

    public long Finished { get; set; }

    public long Failed { get; set; }

    public long Refused { get; set; }
}
