namespace PixSearch.Inference.Engine;

/// <summary>
/// Who holds which page of the key/value store. A page is <b>free</b>, <b>held</b> (reference count above 0) or
/// <b>cached</b>
/// (count 0, content known by its key, reusable until evicted, least recently used first). Free + held + cached is
/// always the page count. Used by the engine thread only.
/// </summary>
public sealed class PagePool
{
    private readonly int[] _references;
    private readonly UInt128[] _keys;
    private readonly bool[] _hasKey;
    private readonly int[] _previous;
    private readonly int[] _next;
    private readonly int[] _free;
    private readonly Dictionary<UInt128, int> _byKey = [];

    // The list of cached pages is circular round this index; oldest first.
    private readonly int _anchor;

    /// <summary>A pool of free pages.</summary>
    public PagePool(int pageCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pageCount);
        PageCount = _anchor = PagesFree = pageCount;
        (_references, _keys, _hasKey) = (new int[pageCount], new UInt128[pageCount], new bool[pageCount]);
        (_previous, _next, _free) = (new int[pageCount + 1], new int[pageCount + 1], new int[pageCount]);
        _previous[_anchor] = _next[_anchor] = _anchor;
        for (int i = 0; i < pageCount; i++)
        {
            _free[i] = pageCount - 1 - i;
        }
    }

    /// <summary>All pages.</summary>
    public int PageCount { get; }

    /// <summary>Pages with nothing in them.</summary>
    public int PagesFree { get; private set; }

    /// <summary>Pages that nobody holds but whose content may be asked for again.</summary>
    public int PagesCached { get; private set; }

    /// <summary>Pages that sessions hold.</summary>
    public int PagesHeld => PageCount - PagesFree - PagesCached;

    /// <summary>Pages that can be taken now.</summary>
    public int PagesAvailable => PagesFree + PagesCached;

    /// <summary>Takes a page with count 1; evicts the oldest cached one when none is free. False: every page is
    /// held.</summary>
    public bool TryTake(out int page)
    {
        if (PagesFree == 0)
        {
            if (PagesCached == 0)
            {
                page = -1;
                return false;
            }

            int oldest = _next[_anchor];
            Unlink(oldest);
            Forget(oldest);
            _free[PagesFree++] = oldest;
        }

        page = _free[--PagesFree];
        _references[page] = 1;
        return true;
    }

    /// <summary>One more holder of a page that is held or cached.</summary>
    public void AddReference(int page)
    {
        if (_references[page] == 0)
        {
            Check(_hasKey[page], page, "is free and cannot be shared");
            Unlink(page);
        }

        _references[page]++;
    }

    /// <summary>Whether a held page has more than one holder.</summary>
    public bool IsShared(int page) => _references[page] > 1;

    /// <summary>One holder fewer. The last one leaves the page cached if its content has a key and it may be
    /// reused.</summary>
    public void Release(int page, bool reusable = true)
    {
        Check(_references[page] > 0, page, "was released more often than it was taken");
        if (--_references[page] > 0)
        {
            return;
        }

        if (_hasKey[page] && reusable)
        {
            Link(page);
            return;
        }

        Forget(page);
        _free[PagesFree++] = page;
    }

    /// <summary>Says what a held page contains, so that others can find it. A key that is known already is left where
    /// it is.</summary>
    public void Publish(int page, UInt128 key)
    {
        Check(_references[page] > 0, page, "is not held and cannot be published");
        if (!_hasKey[page] && _byKey.TryAdd(key, page))
        {
            (_keys[page], _hasKey[page]) = (key, true);
        }
    }

    /// <summary>The page with this content, whose count goes up by one.</summary>
    public bool TryFind(UInt128 key, out int page)
    {
        if (!_byKey.TryGetValue(key, out page))
        {
            return false;
        }

        AddReference(page);
        return true;
    }

    /// <summary>Throws when the books do not balance; cheap enough for every idle moment and every simulated
    /// step.</summary>
    public void AssertInvariants()
    {
        int held = _references.Count(count => count > 0);
        int linked = 0;
        for (int page = _next[_anchor]; page != _anchor; page = _next[page])
        {
            Check(_references[page] == 0 && _hasKey[page], page, "is in the cache list but held or without key");
            linked++;
        }

        bool balanced = held == PagesHeld && linked == PagesCached && _byKey.Count == _hasKey.Count(has => has);
        Check(balanced, -1, $"books: {PagesFree} free, {linked}/{PagesCached} cached, {held}/{PagesHeld} held");
    }

    private void Link(int page)
    {
        int last = _previous[_anchor];
        (_previous[page], _next[page]) = (last, _anchor);
        _next[last] = _previous[_anchor] = page;
        PagesCached++;
    }

    private void Unlink(int page)
    {
        _next[_previous[page]] = _next[page];
        _previous[_next[page]] = _previous[page];
        PagesCached--;
    }

    private void Forget(int page)
    {
        if (_hasKey[page])
        {
            _byKey.Remove(_keys[page]);
            _hasKey[page] = false;
        }
    }

    private static void Check(bool condition, int page, string what)
    {
        if (!condition)
        {
            throw new InvalidOperationException($"Page {page} {what}.");
        }
    }
}
