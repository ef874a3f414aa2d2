using System.Globalization;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Inference.Sampling;
using PixSearch.Inference.Sessions;
using PixSearch.Models;
using PixSearch.Tensors;

namespace PixSearch.Inference.Engine;

/// <content>What a step and the passing of time do to sessions, and how their ends are told.</content>
public sealed partial class EngineCore
{
    /// <summary>How full the engine is.</summary>
    internal EngineRoom Room
    {
        get
        {
            double wait = _costs.QueueSeconds(Scheduler.Waiting.Count);
            return new EngineRoom(_sessions.Count, Scheduler.Waiting.Count,
                _sessions.Count < _options.SessionsMax ? wait : Math.Max(wait, QueuedSeconds), _costs.QueueSeconds(1));
        }
    }

    // How long the sessions that wait will take at the pace of late.
    private double QueuedSeconds
    {
        get
        {
            double rows = 0;
            for (int i = 0; i < Scheduler.Waiting.Count; i++)
            {
                EngineSession session = Scheduler.Waiting[i];
                rows += session.Machine.SlotCount + session.Machine.Options.Sampling.MaxTokens;
            }

            return rows / Math.Max(1, _costs.RowsPerSecond);
        }
    }

    /// <summary>A resumed session was let in by an earlier process: only the number of sessions counts.</summary>
    private void CheckRoom(string tenant, DateTimeOffset? deadline, bool resumed)
    {
        EngineRoom room = Room;
        try
        {
            room.Check(_options, resumed);
            if (_options.SessionsPerTenantMax > 0 && Ledger.Active(tenant) >= _options.SessionsPerTenantMax)
            {
                room = room with { WaitSeconds = Math.Max(room.WaitSeconds, QueuedSeconds) };
                throw room.Refused($"The engine has {_options.SessionsPerTenantMax} sessions of this tenant, its limit "
                    + "(SessionsPerTenantMax)");
            }

            if (!resumed && _options.QueueWaitMax > TimeSpan.Zero && deadline is { } due && room.WaitSeconds > 0
                && _time.GetUtcNow().AddSeconds(room.WaitSeconds) > due)
            {
                throw room.Refused(string.Create(CultureInfo.InvariantCulture,
                    $"The session would wait about {room.WaitSeconds:0.0} s, longer than its deadline allows"));
            }
        }
        catch (PixException)
        {
            _count.Refused++;
            throw;
        }
    }

    /// <summary>Plans a step, and measures at which pace the queue moves.</summary>
    private StepPlan Schedule()
    {
        ObservePressure();
        long admitted = Scheduler.Admissions;
        StepPlan plan = Scheduler.Schedule(_searchingSeconds);
        admitted = Scheduler.Admissions - admitted;
        long now = _time.GetTimestamp();
        if (admitted > 0)
        {
            if (_queued)
            {
                _costs.ObserveAdmission(_time.GetElapsedTime(_admittedAt, now).TotalSeconds / admitted);
            }

            _admittedAt = now;
        }

        // Without a queue the time between two admissions is the clients' doing, not the engine's.
        bool queued = Scheduler.Waiting.Count > 0;
        _admittedAt = queued && !_queued ? now : _admittedAt;
        _queued = queued;
        (_pressedAt, _idle) = (Scheduler.UnderPressure ? now : null, plan.IsEmpty);
        return plan;
    }

    private void ObservePressure()
    {
        if (_pressedAt is { } since)
        {
            _costs.ObservePressure(_time.GetElapsedTime(since).TotalSeconds, _idle);
        }
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

        if (due is null)
        {
            return;
        }

        foreach (EngineSession session in due)
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
                    $"Nobody read the session's events for {_options.ReaderTimeout.TotalSeconds:0} s "
                    + "(ReaderTimeout) while "
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
            // Lost to another owner while this step was computed.
            if (plan.Masks[i].Place != SessionPlace.Ended)
            {
                ApplyMasks(plan.Masks[i], result.Masks[i], result.MaskErrors[i]);
            }
        }

        for (int i = 0; i < plan.Items.Count; i++)
        {
            StepItem item = plan.Items[i];
            if (item.Session.Place == SessionPlace.Ended)
            {
                continue;
            }

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
            Input(session, Chosen(token));
        }
        catch (PixException error)
        {
            Fail(session, error.Kind, error.Message);
        }
    }

    /// <summary>An entry says nothing but its token: one object for each, made when it is first chosen.</summary>
    private TokenChosen Chosen(int token) => _chosen[token] ??= new TokenChosen(token);

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
                ? RegionCrop.Cut(picture, RleCodec.Decode(mask), options.CropBackground, options.CropPadding,
                    options.CropPart)
                : picture).ToPort();
        }

        string text = order.Modality == SearchModality.Text ? order.Query : "";
        var query = new RetrievalQuery(session.Request.Answer.Index, order.Modality, text, pixels, order.TopK);
        _search.Begin(new SearchCall(session.Id, order.Turn, query, session.Machine.Options.SearchTimeout,
            session.Span?.Context ?? default));
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
        EngineTrace.EndSession(session, session.Machine.Events is [.., Finished]);
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

    /// <summary>Commits the log, then lets readers see the events so far.</summary>
    private void Publish()
    {
        Conclude();
        if (_touched.Count > 0)
        {
            Cover();
            Settle(_log.Commit());
        }
    }

    /// <summary>Begins to commit what the steps since the last commit did, and to show it once that is
    /// done.</summary>
    private void BeginPublish()
    {
        if (_touched.Count == 0)
        {
            return;
        }

        Cover();
        (_stepsBehind, _committedAt) = (0, _time.GetTimestamp());
        ValueTask<IReadOnlyList<string>> commit = _log.CommitAsync();
        if (commit.IsCompletedSuccessfully)
        {
            Settle(commit.Result);
            return;
        }

        _commit = ShowAsync(commit.AsTask(),
        [
            .. _covered.Select(static covered => new Unshown(covered.Session.Id, covered.Session.Stream,
                [.. covered.Session.Machine.Events.Take(covered.Events).Skip(covered.Session.EventsPublished)])),
        ]);
    }

    /// <summary>Shows events as soon as they are durable: the engine may be in the middle of a long step. It runs on
    /// another thread and touches streams only.</summary>
    private static async Task<IReadOnlyList<string>> ShowAsync(Task<IReadOnlyList<string>> commit, Unshown[] covered)
    {
        IReadOnlyList<string> lost = await commit.ConfigureAwait(false);
        foreach (Unshown one in covered)
        {
            foreach (SessionEvent durable in lost.Contains(one.Id) ? [] : one.Events)
            {
                one.Stream.Publish(durable);
            }
        }

        return lost;
    }

    /// <summary>Waits for the commit under way, if there is one.</summary>
    private void Conclude()
    {
        if (_commit is { } commit)
        {
            _commit = null;
            IReadOnlyList<string> lost = commit.GetAwaiter().GetResult(); // tidy: the engine's thread must wait
            foreach ((EngineSession session, int count) in _covered)
            {
                session.EventsPublished = count;
            }

            Settle(lost);
        }
    }

    /// <summary>The next commit covers the events that there are now, and none that come while it is under
    /// way.</summary>
    private void Cover()
    {
        foreach (EngineSession session in _touched)
        {
            _covered.Add((session, session.Machine.Events.Count));
        }

        _touched.Clear();
    }

    private void Settle(IReadOnlyList<string> lost)
    {
        foreach (string id in lost)
        {
            if (_covered.Find(covered => covered.Session.Id == id).Session is { } session)
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
        _touched.Remove(session);
        _covered.RemoveAll(covered => covered.Session == session);
        if (_sessions.ContainsKey(session.Id))
        {
            Free(session);
        }

        session.Stream.Abandon();
    }

    private void Deliver()
    {
        foreach ((EngineSession session, int count) in _covered)
        {
            IReadOnlyList<SessionEvent> events = session.Machine.Events;
            while (session.EventsPublished < count)
            {
                session.Stream.Publish(events[session.EventsPublished++]);
            }
        }

        _covered.Clear();
    }

    /// <summary>Events of a session that a commit covers.</summary>
    private readonly record struct Unshown(string Id, EventStream Stream, SessionEvent[] Events);
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
