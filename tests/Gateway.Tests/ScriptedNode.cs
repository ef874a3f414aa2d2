using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using PixSearch.Abstractions;
using PixSearch.Imaging;

namespace PixSearch.Gateway.Tests;

/// <summary>
/// A node whose sessions follow a script that the question names: the ports behave as documented (event log, resume
/// from any number, cancel with usage), only nothing is computed.
/// </summary>
internal sealed class ScriptedNode : IAnswerService, INodeCatalog, ISegmentService, IIndexService
{
    /// <summary>A small valid picture.</summary>
    public static readonly byte[] Png = PictureCodec.EncodePng(new RgbImage(4, 4, new byte[48]));

    private readonly ConcurrentDictionary<string, Session> _sessions = new();
    private int _count;
    private int _running;

    public IReadOnlyList<ServedModel> Models { get; set; } =
        [new("nano", 1024, 144, 4, 32), new("other", 512, 144, 4, 32)];

    public IReadOnlyList<string> Indexes { get; set; } = ["flags", "secret"];

    /// <summary>Sessions that have not ended.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>Tokens that all sessions used together: the engine's own count.</summary>
    public long Tokens => _sessions.Values.Sum(static session => session.Tokens);

    public ConcurrentQueue<AnswerRequest> Requests { get; } = new();

    public SemaphoreSlim Ended { get; } = new(0);

    public List<IndexDocument> Documents { get; } = [];

    /// <summary>Thrown by the next start.</summary>
    public PixException? Refuse { get; set; }

    public GatewayServices Services => new(this, this, this, this);

    public ValueTask<string> StartAsync(AnswerRequest request, CancellationToken cancellation)
    {
        if (Refuse is { } refuse)
        {
            throw refuse;
        }

        Requests.Enqueue(request);
        string id = $"s{Interlocked.Increment(ref _count)}";
        var session = new Session(request);
        _sessions[id] = session;
        Interlocked.Increment(ref _running);
        _ = RunAsync(session);
        return ValueTask.FromResult(id);
    }

    public async IAsyncEnumerable<SessionEvent> ReadAsync(string sessionId, long fromSequence,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        Session session = _sessions[sessionId];
        for (long next = fromSequence; ; next++)
        {
            SessionEvent? found = await session.WaitAsync(next, cancellation);
            if (found is null)
            {
                yield break;
            }

            yield return found;
        }
    }

    public ValueTask<SessionInfo?> FindAsync(string sessionId, CancellationToken cancellation) =>
        ValueTask.FromResult(_sessions.TryGetValue(sessionId, out Session? session)
            ? new SessionInfo(session.Request.Tenant, session.Request.Model, session.Over)
            : null);

    public async ValueTask<bool> CancelAsync(string sessionId, CancellationToken cancellation)
    {
        if (!_sessions.TryGetValue(sessionId, out Session? session) || session.Over)
        {
            return false;
        }

        await session.Stop.CancelAsync();
        await session.Done.Task.WaitAsync(cancellation);
        return true;
    }

    public ValueTask<SegmentResult> SegmentAsync(SegmentRequest request, CancellationToken cancellation) =>
        ValueTask.FromResult(new SegmentResult(4, 4,
            [.. request.Phrases.Select(static phrase =>
                new SegmentMask(phrase, new RleMask(4, 4, "0g0"), new PixelBox(0, 0, 4, 4), 0.5f)),
                .. request.Points.Select(static set => new SegmentMask("", new RleMask(4, 4, "0g0"),
                    new PixelBox((int)set[0].X, (int)set[0].Y, set.Count, set.Count(static one => one.Foreground)),
                    0.5f)),
                .. request.Boxes.Select(static box => new SegmentMask("", new RleMask(4, 4, "0g0"), box, 0.5f))],
            7, 144, 3));

    public async ValueTask<IngestReport> IngestAsync(string index, IAsyncEnumerable<IndexDocument> documents,
        CancellationToken cancellation)
    {
        int added = 0;
        await foreach (IndexDocument document in documents.WithCancellation(cancellation))
        {
            Documents.Add(document);
            added++;
        }

        return new IngestReport(added, 0, []);
    }

    public ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation) =>
        ValueTask.FromResult(new RetrievalResult(
            [new EvidenceHit("flag:FJ", "Fiji", query.Text, 0.9f, query.Modality)], false));

    private async Task RunAsync(Session session)
    {
        await Task.Yield();
        try
        {
            switch (session.Request.Question.Split('\n')[^1])
            {
                case "hang":
                    session.Add(next => new TextDelta("waiting") { Sequence = next });
                    await new TaskCompletionSource().Task.WaitAsync(session.Stop.Token);
                    break;
                case "fail":
                    session.Add(next => new TextDelta("oh") { Sequence = next });
                    session.End(PixErrorKind.DeadlineExceeded, "too late");
                    break;
                default:
                    session.Answer();
                    break;
            }
        }
        catch (OperationCanceledException)
        {
            session.End(PixErrorKind.Cancelled, "cancelled");
        }

        Interlocked.Decrement(ref _running);
        session.Done.TrySetResult();
        Ended.Release();
    }

    /// <summary>One session: its event log.</summary>
    private sealed class Session(AnswerRequest request)
    {
        private readonly Lock _gate = new();
        private readonly List<SessionEvent> _events = [];
        private TaskCompletionSource _added = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public AnswerRequest Request => request;

        public CancellationTokenSource Stop { get; } = new();

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool Over { get; private set; }

        public long Tokens { get; private set; }

        public void Add(Func<long, SessionEvent> make)
        {
            lock (_gate)
            {
                SessionEvent next = make(_events.Count);
                Tokens += next is Usage usage
                    ? usage.PromptTokens + usage.ImageTokens + usage.CompletionTokens + usage.EvidenceTokens
                    : 0;
                _events.Add(next);
                Over = next is Finished or Failed;
                _added.SetResult();
                _added = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }

        /// <summary>The full range of events.</summary>
        public void Answer()
        {
            Add(static next => new TextDelta("The flag on the left") { Sequence = next });
            Add(static next => new MaskFound(1, new RleMask(4, 4, "0g0"), new PixelBox(0, 1, 2, 3), 0.75f,
                "The flag on the left")
                { Sequence = next });
            Add(static next => new SearchStarted(1, SearchModality.Region, "The flag on the left",
                1) { Sequence = next });
            Add(static next => new Evidence(1, [new EvidenceHit(
                "flag:FJ", "Fiji", "capital Suva", 0.9f, SearchModality.Region)], false,
                "Fiji: capital Suva") { Sequence = next });
            Add(static next => new TextDelta(" is Fiji. Its capital is Suva – süß.") { Sequence = next });
            Add(static next => new Usage(20, 144, 15, 9, 1, 1) { Sequence = next });
            Add(static next => new Finished(FinishReason.Stop) { Sequence = next });
        }

        public void End(PixErrorKind kind, string message)
        {
            Add(static next => new Usage(20, 144, 1, 0, 0, 0) { Sequence = next });
            Add(next => new Failed(kind, message) { Sequence = next });
        }

        /// <summary>The event with that number once it is there; null past the end.</summary>
        public async Task<SessionEvent?> WaitAsync(long number, CancellationToken cancellation)
        {
            while (true)
            {
                Task added;
                lock (_gate)
                {
                    if (number < _events.Count)
                    {
                        return _events[(int)number];
                    }

                    if (Over)
                    {
                        return null;
                    }

                    added = _added.Task;
                }

                await added.WaitAsync(cancellation);
            }
        }
    }
}
