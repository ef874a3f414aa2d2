using System.Collections.Concurrent;
using System.Diagnostics;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Inference.Engine;
using PixSearch.Inference.Sessions;
using PixSearch.Models;
using PixSearch.Models.Families;

namespace PixSearch.Node;

/// <summary>
/// One node in one process: an engine per model, one retriever, and, with a store, sessions that outlive the process.
/// What the gateway and the command line call; it checks what comes in and keeps the books of who may read what.
/// </summary>
public sealed class EmbeddedNode : IAnswerService, INodeCatalog, IAsyncDisposable
{
    private readonly NodeOptions _options;
    private readonly TimeProvider _time;
    private readonly SessionStore? _store;
    private readonly Dictionary<string, Served> _models = [];
    private readonly ConcurrentDictionary<string, Held> _sessions = new();
    private readonly SemaphoreSlim _decodes;
    private readonly SemaphoreSlim _revivals = new(1);
    private long _trimmedAt;

    /// <summary>Starts the engines. Models, retriever and store stay the caller's, to be disposed after the
    /// node.</summary>
    /// <param name="models">At least one; the first is the default. Names differ.</param>
    /// <param name="retriever">Answers searches.</param>
    /// <param name="indexes">Names of its indexes, the default first.</param>
    /// <param name="options">Settings.</param>
    /// <param name="time">Clock; null for the system's.</param>
    /// <param name="store">Session logs; null keeps sessions in memory only.</param>
    public EmbeddedNode(IReadOnlyList<ISegmentingModel> models, IRetriever retriever, IReadOnlyList<string> indexes,
        NodeOptions options, TimeProvider? time = null, SessionStore? store = null)
    {
        (_options, _time, _store, Indexes) = (options, time ?? TimeProvider.System, store, indexes);
        options.Session.Validate();
        _decodes = new SemaphoreSlim(options.DecodesMax);
        foreach (ISegmentingModel model in models)
        {
            ISessionLog log = store?.LogFor(model.Name) ?? new NoSessionLog();
            _models.Add(model.Name, new Served(model, new EngineLoop(model, retriever, options.Engine, _time, log)));
        }

        Models = [.. models.Select(Describe)];
    }

    /// <inheritdoc/>
    public IReadOnlyList<ServedModel> Models { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Indexes { get; }

    /// <summary>A look at the engine of a model; empty for the default.</summary>
    public Task<EngineStats> StatsAsync(string model = "") => Find(model).Loop.StatsAsync();

    /// <summary>
    /// Takes up the sessions that an earlier process left unfinished, from their logs. Returns how many; those that
    /// cannot go on are reported and left in the store.
    /// </summary>
    public async Task<int> ResumeAsync(Action<string, string>? onLost = null)
    {
        int resumed = 0;
        foreach (Served served in _models.Values)
        {
            foreach (string id in _store?.Unfinished(served.Model.Name) ?? [])
            {
                try
                {
                    resumed += await ReviveAsync(id).ConfigureAwait(false) is null ? 0 : 1;
                }
                catch (PixException error)
                {
                    onLost?.Invoke(id, error.Message);
                }
            }
        }

        return resumed;
    }

    /// <inheritdoc/>
    public async ValueTask<string> StartAsync(AnswerRequest request, CancellationToken cancellation)
    {
        CheckQuestion(request.Question);
        Served served = Find(request.Model);
        SessionOptions options = _options.Session.For(request);
        options.Validate();
        using EnginePlace place = served.Loop.Enter();
        Trim();
        string id = Guid.NewGuid().ToString("n");
        AnswerRequest resolved = request with { Model = served.Model.Name };
        await SubmitAsync(served, id, resolved, options, replay: null, place, cancellation).ConfigureAwait(false);
        return id;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<SessionEvent> ReadAsync(string sessionId, long fromSequence,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        Held held = await HeldAsync(sessionId).ConfigureAwait(false)
            ?? throw new PixException(PixErrorKind.NotFound,
                $"There is no session '{sessionId}', or it ended too long ago.");
        await foreach (SessionEvent item in held.Stream.ReadAsync(fromSequence, cancellation).ConfigureAwait(false))
        {
            yield return item;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<SessionInfo?> FindAsync(string sessionId, CancellationToken cancellation) =>
        await HeldAsync(sessionId).ConfigureAwait(false) is { } held
            ? new SessionInfo(held.Tenant, held.Model, held.Stream.IsClosed)
            : null;

    /// <inheritdoc/>
    public async ValueTask<bool> CancelAsync(string sessionId, CancellationToken cancellation) =>
        _sessions.TryGetValue(sessionId, out Held? held)
        && await Find(held.Model).Loop.CancelAsync(sessionId).ConfigureAwait(false);

    /// <summary>Stops the engines: sessions that are not over end with <see cref="PixErrorKind.Unavailable"/> for
    /// their readers, but not in the store, from which the next process takes them up.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (Served served in _models.Values)
        {
            await served.Loop.DisposeAsync().ConfigureAwait(false);
        }

        _decodes.Dispose();
        _revivals.Dispose();
    }

    /// <summary>Masks of points and boxes on a picture; see <see cref="SegmentRequest"/>.</summary>
    /// <exception cref="PixException">InvalidPicture, NotFound (model), InvalidArgument (a model without SAM, a prompt
    /// outside of the picture), Overloaded, DeadlineExceeded.</exception>
    internal async Task<PromptResult> SegmentPromptsAsync(SegmentRequest request, CancellationToken cancellation)
    {
        Served served = Find(request.Model);
        (RgbImage picture, UInt128 key) = await DecodeAsync(request.Picture, request.Tenant, cancellation)
            .ConfigureAwait(false);
        IReadOnlyList<SamPrompt> prompts = SegmentPrompts.Of(request, picture.Width, picture.Height);
        var job = new PromptRequest(request.Tenant, picture, key, prompts, request.Deadline);
        return await served.Loop.SegmentAsync(job, cancellation).ConfigureAwait(false);
    }

    private async Task<(RgbImage Picture, UInt128 Key)> DecodeAsync(ReadOnlyMemory<byte> file, string tenant,
        CancellationToken cancellation)
    {
        await _decodes.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            RgbImage picture = await Task.Run(() => PictureCodec.Decode(file.Span, _options.Picture), cancellation)
                .ConfigureAwait(false);
            return (picture, EngineRequest.KeyOf(tenant, picture));
        }
        finally
        {
            _decodes.Release();
        }
    }

    private async Task<EventStream> SubmitAsync(Served served, string id, AnswerRequest request, SessionOptions options,
        IReadOnlyList<LogEntry>? replay, EnginePlace? place, CancellationToken cancellation)
    {
        RgbImage? picture = null;
        UInt128 key = 0;
        if (!request.Picture.IsEmpty)
        {
            (picture, key) = await DecodeAsync(request.Picture, request.Tenant, cancellation).ConfigureAwait(false);
        }

        var submitted = new EngineRequest(id, request, options, picture, key, replay,
            Activity.Current?.Context ?? default);
        EventStream stream = await served.Loop.SubmitAsync(submitted, place).ConfigureAwait(false);
        _sessions[id] = new Held(stream, request.Tenant, served.Model.Name);
        return stream;
    }

    /// <summary>A session of this process, or one of before from the store: replaying a finished one computes
    /// nothing.</summary>
    private async Task<Held?> HeldAsync(string id) =>
        _sessions.TryGetValue(id, out Held? held) ? held : await ReviveAsync(id).ConfigureAwait(false);

    private async Task<Held?> ReviveAsync(string id)
    {
        if (_store?.Find(id) is not { } stored || !_models.TryGetValue(stored.Request.Model, out Served? served))
        {
            return null;
        }

        await _revivals.WaitAsync().ConfigureAwait(false);
        try
        {
            // Another reader may have revived it meanwhile.
            if (!_sessions.ContainsKey(id))
            {
                await SubmitAsync(served, id, stored.Request, stored.Options, stored.Entries, place: null, default)
                    .ConfigureAwait(false);
            }
        }
        finally
        {
            _revivals.Release();
        }

        return _sessions.GetValueOrDefault(id);
    }

    private Served Find(string model)
    {
        string name = model.Length == 0 ? Models[0].Name : model;
        return _models.TryGetValue(name, out Served? served)
            ? served
            : throw new PixException(PixErrorKind.NotFound,
                $"There is no model '{name}'; this node serves {string.Join(", ", Models.Select(item => item.Name))}.");
    }

    private void CheckQuestion(string question)
    {
        if (string.IsNullOrWhiteSpace(question))
        {
            throw new PixException(PixErrorKind.InvalidArgument, "The question is empty.");
        }

        if (question.Length > _options.QuestionCharactersMax)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"The question has {question.Length} characters; the limit is {_options.QuestionCharactersMax} "
                + "(QuestionCharactersMax).");
        }
    }

    /// <summary>
    /// Forgets streams of sessions that ended a while ago, and the oldest when there are too many; and what the store
    /// has kept long enough.
    /// </summary>
    private void Trim()
    {
        long now = _time.GetTimestamp();
        long last = Interlocked.Read(ref _trimmedAt);
        bool due = _sessions.Count > _options.Engine.RetainedMax + _options.Engine.SessionsMax
            || _time.GetElapsedTime(last, now) > TimeSpan.FromSeconds(10);
        if (!due || Interlocked.CompareExchange(ref _trimmedAt, now, last) != last)
        {
            return;
        }

        _store?.Trim(_options.StoreRetention);
        var over = new List<KeyValuePair<string, Held>>();
        foreach (KeyValuePair<string, Held> pair in _sessions)
        {
            if (pair.Value.Stream.IsClosed)
            {
                pair.Value.ClosedAt = pair.Value.ClosedAt == 0 ? now : pair.Value.ClosedAt;
                over.Add(pair);
            }
        }

        over.Sort((a, b) => a.Value.ClosedAt.CompareTo(b.Value.ClosedAt));
        for (int i = 0; i < over.Count; i++)
        {
            bool tooMany = over.Count - i > _options.Engine.RetainedMax;
            if (tooMany || _time.GetElapsedTime(over[i].Value.ClosedAt, now) > _options.Engine.Retention)
            {
                _sessions.TryRemove(over[i].Key, out _);
            }
        }
    }

    private ServedModel Describe(ISegmentingModel model)
    {
        int image = model.BuildPrompt("", new RgbImage(1, 1, new byte[3])).Slots.Count(slot => slot < 0);
        return new ServedModel(model.Name, model.ContextLength, image, _options.Session.SearchBudget,
            _options.Session.MasksMax);
    }

    private sealed record Served(ISegmentingModel Model, EngineLoop Loop);

    private sealed class Held(EventStream stream, string tenant, string model)
    {
        public EventStream Stream { get; } = stream;

        public string Tenant { get; } = tenant;

        public string Model { get; } = model;

        public long ClosedAt { get; set; }
    }
}
