using System.Diagnostics;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Inference.Sessions;
using PixSearch.Models;

namespace PixSearch.Inference.Engine;

/// <summary>A request as the engine takes it.</summary>
/// <param name="Id">The session's id.</param>
/// <param name="Answer">What was asked, as it is logged.</param>
/// <param name="Options">Validated settings.</param>
/// <param name="Picture">The decoded picture; null for none.</param>
/// <param name="PictureKey">Hash of tenant and pixels: key of the image cache.</param>
/// <param name="Replay">Inputs of an interrupted session, which is in the log already; null for a new one.</param>
/// <param name="Trace">The span that the session's spans hang under; default for none.</param>
public sealed record EngineRequest(string Id, AnswerRequest Answer, SessionOptions Options, RgbImage? Picture,
    UInt128 PictureKey, IReadOnlyList<LogEntry>? Replay = null, ActivityContext Trace = default)
{
    /// <summary>The key of a tenant's picture: content, so that a file sent twice is encoded once, and never another
    /// tenant's.</summary>
    public static UInt128 KeyOf(string tenant, RgbImage picture) => PageKeys.HashOf(tenant, picture);
}

/// <summary>Where a session stands.</summary>
internal enum SessionPlace
{
    /// <summary>Waits to be admitted; holds no pages.</summary>
    Waiting,

    /// <summary>Is computed.</summary>
    Running,

    /// <summary>Waits for a search; holds what pages it was left.</summary>
    Searching,

    /// <summary>Is over; holds nothing.</summary>
    Ended,
}

/// <summary>
/// The engine's record of a session. Vocabulary: <b>slots</b> are all positions, <b>computed</b> those whose keys,
/// values and
/// hidden states lie in pages, <b>target</b> how many must be computed before its next action, <b>remaining</b> the
/// difference.
/// </summary>
internal sealed class EngineSession(EngineRequest request, ModelPrompt prompt, SessionMachine machine,
    EventStream stream,
    long arrival, PageKeys keys)
{
    private int[] _pages = new int[16];

    public string Id => Request.Id;

    public string Tenant => Request.Answer.Tenant;

    public EngineRequest Request { get; } = request;

    public ModelPrompt Prompt { get; } = prompt;

    public SessionMachine Machine { get; } = machine;

    /// <summary><see cref="SessionMachine.Forbids"/> as one delegate for the whole session.</summary>
    public Func<int, bool> Forbids { get; } = machine.Forbids;

    public EventStream Stream { get; } = stream;

    /// <summary>Order of arrival; smaller came earlier.</summary>
    public long Arrival { get; } = arrival;

    public PageKeys Keys { get; } = keys;

    public SessionPlace Place { get; set; }

    /// <summary>The session's span; null when nobody listens.</summary>
    public Activity? Span { get; set; }

    /// <summary>The picture's encoding while the session holds it.</summary>
    public IImageEncoding? Image { get; set; }

    /// <summary>Readers are a whole buffer behind: not scheduled.</summary>
    public bool Stalled { get; set; }

    public DateTimeOffset? StalledSince { get; set; }

    public DateTimeOffset? SearchDeadline { get; set; }

    public long SearchStartedAt { get; set; }

    public int Computed { get; set; }

    public int PageCount { get; private set; }

    /// <summary>Full pages whose content was published.</summary>
    public int PagesPublished { get; set; }

    /// <summary>Events that went to the stream.</summary>
    public int EventsPublished { get; set; }

    /// <summary>Rows that were computed and whose pages were taken during the search that is under way.</summary>
    public int RowsLost { get; set; }

    /// <summary>Part of the current plan: its pages may not be taken.</summary>
    public bool Planned { get; set; }

    public ReadOnlySpan<int> Pages => _pages.AsSpan(0, PageCount);

    public ReadOnlyMemory<int> PageMemory => _pages.AsMemory(0, PageCount);

    public int Target => Machine.Next switch
    {
        SessionAction.Decode => Machine.SlotCount,
        // The last slot's hidden state is not needed: nothing has followed it, and the tagger is told so.
        SessionAction.DecodeMasks => Machine.SlotCount - 1,
        _ => Computed,
    };

    public int Remaining => Math.Max(0, Target - Computed);

    public void AddPage(int page)
    {
        if (PageCount == _pages.Length)
        {
            Array.Resize(ref _pages, PageCount * 2);
        }

        _pages[PageCount++] = page;
    }

    /// <summary>
    /// Gives up pages from the end, so that the beginning stays useful; positions in them must be computed again.
    /// Positions that see each other are computed in one step, so they go together.
    /// </summary>
    public void ReleasePages(PagePool pool, int keep, int pageSize, bool reusable)
    {
        keep = WithoutSplit(keep, pageSize);
        while (PageCount > keep)
        {
            pool.Release(_pages[--PageCount], reusable);
        }

        PagesPublished = Math.Min(PagesPublished, keep);
        Computed = Math.Min(Computed, keep * pageSize);
    }

    /// <summary>
    /// How many pages are left when this many are given up to others: pages that somebody else holds too are of no use
    /// to them, and nor are those before, which are then shared as well.
    /// </summary>
    public int KeepWithout(PagePool pool, int pages, int pageSize)
    {
        int keep = PageCount;
        while (keep > 0 && pages > 0 && !pool.IsShared(_pages[keep - 1]))
        {
            (keep, pages) = (keep - 1, pages - 1);
        }

        return WithoutSplit(keep, pageSize);
    }

    private int WithoutSplit(int keep, int pageSize)
    {
        bool splits = keep * pageSize > Prompt.FullStart && keep * pageSize < Prompt.FullEnd;
        return splits ? Prompt.FullStart / pageSize : keep;
    }
}
