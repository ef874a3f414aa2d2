using PixSearch.Abstractions;
using PixSearch.Inference.Sessions;

namespace PixSearch.Inference.Engine;

/// <content>
/// Who gives up pages for whom. A paused session's pages cost nothing while nobody wants them, and nothing while the
/// engine is busy anyway: one more session in it then only waits at another place. They cost the engine time that goes
/// unused because somebody cannot come in. Taking them costs the rows that are computed again. So nothing is decided
/// when a session pauses, but when pages are wanted (<see cref="TryEvict"/>).
/// </content>
internal sealed partial class Scheduler
{
    private readonly List<(EngineSession Session, int Keep)> _victims = [];

    // There is nothing to compute without taking pages.
    private bool _idle;

    /// <summary>
    /// Expected time until the first of the sessions that hold pages comes back from its search; 0 when none does.
    /// Searches end independently of each other, so their rates add up.
    /// </summary>
    public double ReturnSeconds(Func<EngineSession, double> searchingSeconds)
    {
        double rate = 0;
        foreach (EngineSession session in _searching)
        {
            rate += session.PageCount > 0 ? 1 / Math.Max(1e-3, Rest(session, searchingSeconds)) : 0;
        }

        return rate > 0 ? 1 / rate : 0;
    }

    /// <summary>
    /// Takes over cached pages of an equal beginning, or what follows the pages that it has; at least one row is left
    /// to compute.
    /// </summary>
    private void MatchPrefix(EngineSession session)
    {
        if (!options.PrefixCache || session.Computed != session.PageCount * options.PageSize)
        {
            return;
        }

        int computed = session.Computed;
        ReadOnlySpan<int> slots = session.Machine.Slots.Span;
        int pagesMax = Math.Max(0, session.Target - 1) / options.PageSize;
        while (session.PageCount < pagesMax && pool.TryFind(session.Keys.Get(session.PageCount, slots), out int page))
        {
            session.AddPage(page);
        }

        session.Computed = session.PageCount * options.PageSize;
        session.ReleasePages(pool, session.PageCount, options.PageSize, reusable: true);
        session.PagesPublished = session.PageCount;
        RowsCached += Math.Max(0, session.Computed - computed);
    }

    /// <summary>
    /// Takes what somebody lacks of these pages from paused sessions, those that are away longest first, if that uses
    /// more of the engine's time than the rows cost that must be computed again: all of it or nothing.
    /// </summary>
    private bool TryEvict(int pages, Func<EngineSession, double> searchingSeconds)
    {
        if (options.PausePolicy != PausePolicy.Cost)
        {
            return false;
        }

        _victims.Clear();
        int lack = pages - pool.PagesAvailable;
        int rows = 0;
        double shortest = double.PositiveInfinity;
        while (lack > 0)
        {
            EngineSession? victim = null;
            double longest = 0;
            foreach (EngineSession session in _searching)
            {
                bool may = session.PageCount > 0 && !_victims.Exists(one => one.Session == session);
                double rest = may ? Rest(session, searchingSeconds) : 0;
                (victim, longest) = rest > longest ? (session, rest) : (victim, longest);
            }

            if (victim is null)
            {
                return false;
            }

            int keep = victim.KeepWithout(pool, lack, options.PageSize);
            int lost = Math.Max(0, victim.Computed - (keep * options.PageSize));
            lack -= victim.PageCount - keep;
            _victims.Add((victim, keep));
            (rows, shortest) = (rows + lost, lost > 0 ? longest : shortest);
        }

        double gain = (_idle ? 1 : costs.UnusedShare) * shortest;
        if (gain <= rows * costs.SecondsPerRow)
        {
            return false;
        }

        foreach ((EngineSession victim, int keep) in _victims)
        {
            Shorten(victim, keep);
        }

        return true;
    }

    /// <summary>Frees at least one page for a session, or says that it may not take any.</summary>
    private bool Reclaim(EngineSession needy, int pages, Func<EngineSession, double> searchingSeconds)
    {
        EngineSession? victim = null;
        foreach (EngineSession other in _running)
        {
            bool may = !other.Planned && other != needy && other.PageCount > 0
                && (other.Stalled || other.Arrival > needy.Arrival);
            if (may && (victim is null || (other.Stalled, other.Arrival)
                .CompareTo((victim.Stalled, victim.Arrival)) > 0))
            {
                victim = other;
            }
        }

        if (victim is null)
        {
            return TryEvict(pages, searchingSeconds) || TakeFromLastPaused();
        }

        Preemptions++;
        Remove(victim);
        victim.ReleasePages(pool, keep: 0, options.PageSize, reusable: options.PrefixCache);
        Add(victim);
        return true;
    }

    /// <summary>Takes the last page of the paused session that came last.</summary>
    private bool TakeFromLastPaused()
    {
        EngineSession? last = null;
        foreach (EngineSession session in _searching)
        {
            last = session.PageCount > 0 && (last is null || session.Arrival > last.Arrival) ? session : last;
        }

        if (last is null)
        {
            return false;
        }

        Shorten(last, last.PageCount - 1);
        return true;
    }

    private void Shorten(EngineSession paused, int keep)
    {
        int computed = paused.Computed;
        paused.ReleasePages(pool, keep, options.PageSize, reusable: options.PrefixCache);
        paused.RowsLost += computed - paused.Computed;
    }

    private double Rest(EngineSession session, Func<EngineSession, double> searchingSeconds) =>
        session.Machine.Search is { } search
            ? costs.RestSeconds(search.Modality, searchingSeconds(session))
            : 0;
}
