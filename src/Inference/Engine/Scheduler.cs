using PixSearch.Inference.Sessions;

namespace PixSearch.Inference.Engine;

/// <summary>
/// Decides what each step computes. Plain data in, plain data out: no clock of its own, no model, no I/O. Order of a
/// step: masks
/// of sessions that wait for them, one row for everybody who decodes, chunks of prompts and evidence, then admission of
/// waiting sessions, least-served tenant first.
/// </summary>
/// <remarks>
/// Progress: pages are taken from those whose reader is slow, from those that arrived later, and from sessions in a
/// search; so the oldest session that can run always can, and one context always fits the store.
/// </remarks>
internal sealed partial class Scheduler(EngineOptions options, PagePool pool, TenantLedger ledger, CostModel costs)
{
    private readonly List<EngineSession> _running = [];
    private readonly List<EngineSession> _waiting = [];
    private readonly List<EngineSession> _searching = [];
    private readonly List<EngineSession> _order = [];
    private readonly StepPlan _plan = new();
    private Comparison<EngineSession>? _comparison;
    private int _budget;

    public IReadOnlyList<EngineSession> Running => _running;

    public IReadOnlyList<EngineSession> Waiting => _waiting;

    public IReadOnlyList<EngineSession> Searching => _searching;

    /// <summary>Sessions whose pages were taken away while they could run.</summary>
    public long Preemptions { get; private set; }

    /// <summary>Rows that the prefix cache saved.</summary>
    public long RowsCached { get; private set; }

    /// <summary>Waiting sessions that were admitted.</summary>
    public long Admissions { get; private set; }

    /// <summary>After the last plan: somebody wanted pages and must wait for them.</summary>
    public bool Starved { get; private set; }

    /// <summary>Somebody waits, or was moved out to make room: pages are what sessions compete for.</summary>
    public bool UnderPressure => _waiting.Count > 0 || _searching.Exists(static session => session.RowsLost > 0);

    /// <summary>A new session, or one that comes back without its pages.</summary>
    public void Add(EngineSession session)
    {
        session.Place = SessionPlace.Waiting;
        _waiting.Add(session);
    }

    /// <summary>A session goes into a search; what happens to its pages is the pause policy's choice.</summary>
    public void Pause(EngineSession session)
    {
        Remove(session);
        session.Place = SessionPlace.Searching;
        _searching.Add(session);
        if (options.PausePolicy == PausePolicy.Drop)
        {
            session.ReleasePages(pool, keep: 0, options.PageSize, reusable: false);
        }
    }

    /// <summary>A search came back: the session runs on if it still has pages, else it waits, before those that came
    /// later.</summary>
    public void Resume(EngineSession session)
    {
        _searching.Remove(session);
        session.RowsLost = 0;
        if (session.PageCount == 0)
        {
            Add(session);
            return;
        }

        session.Place = SessionPlace.Running;
        _running.Add(session);
    }

    /// <summary>A session is over: everything it held is given back.</summary>
    public void End(EngineSession session)
    {
        Remove(session);
        session.Place = SessionPlace.Ended;
        session.ReleasePages(pool, keep: 0, options.PageSize, reusable: options.PrefixCache);
    }

    /// <summary>The next step. The plan is valid until the next call. Time: how long a session has been
    /// searching.</summary>
    public StepPlan Schedule(Func<EngineSession, double> searchingSeconds)
    {
        _plan.Clear();
        _budget = options.TokenBudget;
        Sort(_running);
        foreach (EngineSession session in _order)
        {
            if (session.Machine.Next == SessionAction.DecodeMasks && session.Remaining == 0)
            {
                session.Planned = true;
                _plan.Masks.Add(session);
            }
        }

        PlanRows(searchingSeconds);
        if (_plan.IsEmpty && Starved && options.PausePolicy == PausePolicy.Cost)
        {
            // Nothing can be computed until a search comes back: all of that time would go unused.
            _idle = true;
            PlanRows(searchingSeconds);
            _idle = false;
        }

        return _plan;
    }

    private void PlanRows(Func<EngineSession, double> searchingSeconds)
    {
        Starved = false;
        Sort(_running);

        // Decode rows before chunks: a long prompt must not hold up those who are writing.
        foreach (EngineSession session in _order)
        {
            if (session is { Remaining: 1, Stalled: false, Place: SessionPlace.Running })
            {
                TryPlan(session, searchingSeconds);
            }
        }

        foreach (EngineSession session in _order)
        {
            if (session is { Remaining: > 1, Stalled: false, Place: SessionPlace.Running })
            {
                TryPlan(session, searchingSeconds);
            }
        }

        Admit(searchingSeconds);
    }

    private void Admit(Func<EngineSession, double> searchingSeconds)
    {
        if (_waiting.Count == 0)
        {
            return;
        }

        Sort(_waiting);
        foreach (EngineSession session in _order)
        {
            if (_running.Count >= options.RunningMax || _budget <= 0)
            {
                return;
            }

            if (session.Stalled)
            {
                continue;
            }

            MatchPrefix(session);
            int pages = PagesFor(session.Target) - session.PageCount;
            bool fits = pool.PagesAvailable >= pages || TryEvict(pages, searchingSeconds);

            // The first that does not fit ends admission, so that small requests cannot starve a large one.
            if (!fits && _running.Count > 0)
            {
                Starved = true;
                session.ReleasePages(pool, keep: 0, options.PageSize, reusable: options.PrefixCache);
                return;
            }

            _waiting.Remove(session);
            Admissions++;
            session.Place = SessionPlace.Running;
            _running.Add(session);
            if (session is { Remaining: 0, Machine.Next: SessionAction.DecodeMasks })
            {
                session.Planned = true;
                _plan.Masks.Add(session);
            }
            else
            {
                TryPlan(session, searchingSeconds);
            }
        }
    }

    private void TryPlan(EngineSession session, Func<EngineSession, double> searchingSeconds)
    {
        if (session.Remaining > 1)
        {
            // Pages that were taken from its end and that nobody has written over since are still there.
            MatchPrefix(session);
        }

        int count = ChunkOf(session);
        if (count <= 0)
        {
            return;
        }

        int pages = PagesFor(session.Computed + count) - session.PageCount;
        while (pool.PagesAvailable < pages)
        {
            if (!Reclaim(session, pages, searchingSeconds))
            {
                Starved = true;
                return;
            }
        }

        for (int i = 0; i < pages; i++)
        {
            _ = pool.TryTake(out int page);
            session.AddPage(page);
        }

        session.Planned = true;
        _plan.Items.Add(new StepItem(session, count));
        _plan.RowCount += count;
        _budget -= count;
    }

    /// <summary>Rows of a session in this step: what the budget allows, without splitting positions that see each
    /// other.</summary>
    private int ChunkOf(EngineSession session)
    {
        int count = Math.Min(session.Remaining, _budget);
        (int start, int end) = (session.Prompt.FullStart, session.Prompt.FullEnd);
        int upTo = session.Computed + count;
        if (count <= 0 || end <= start || upTo <= start || upTo >= end || session.Computed >= end)
        {
            return count;
        }

        // A range longer than the whole budget gets a step of its own, or it would never be computed.
        return _plan.Items.Count == 0 ? end - session.Computed : Math.Max(0, start - session.Computed);
    }

    /// <summary>Within a tenant by priority, between tenants by what they have received, then by arrival.</summary>
    private void Sort(List<EngineSession> sessions)
    {
        _order.Clear();
        _order.AddRange(sessions);
        _order.Sort(_comparison ??= Compare);
    }

    private int Compare(EngineSession a, EngineSession b)
    {
        int order = a.Tenant == b.Tenant
            ? b.Request.Answer.Priority.CompareTo(a.Request.Answer.Priority)
            : ledger.Received(a.Tenant).CompareTo(ledger.Received(b.Tenant));

        // Equal tenants stay together by name: arrival alone would not be a total order beside priorities.
        order = order != 0 ? order : string.CompareOrdinal(a.Tenant, b.Tenant);
        return order != 0 ? order : a.Arrival.CompareTo(b.Arrival);
    }

    private void Remove(EngineSession session)
    {
        List<EngineSession> place = session.Place switch
        {
            SessionPlace.Waiting => _waiting,
            SessionPlace.Running => _running,
            _ => _searching,
        };
        place.Remove(session);
    }

    private int PagesFor(int positions) => (positions + options.PageSize - 1) / options.PageSize;
}
