namespace PixSearch.Models.Tokenizers;

/// <summary>
/// One symbol of a word while it is merged: an id, its neighbours, and the units [Start, End) it covers.
/// </summary>
internal struct BpeSymbol
{
    public int Id;
    public int Previous;
    public int Next;
    public int Start;
    public int End;

    /// <summary>Never part of a merge.</summary>
    public bool Frozen;
}

/// <summary>What two neighbours become, and how early (0 first).</summary>
internal readonly record struct BpeMerge(int Rank, int Id);

/// <summary>
/// Byte-pair merging (Sennrich et al. 2016): of all neighbours the pair with the lowest rank is merged first, the
/// leftmost of equals. A heap over a linked list: n log n for n symbols, also for a megabyte of one letter.
/// </summary>
internal static class BpeMerger
{
    /// <summary>Key of a pair in a merge table.</summary>
    public static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    /// <summary>
    /// Merges in place. Afterwards the word is symbol 0 and those reached from it by <see cref="BpeSymbol.Next"/> (-1
    /// ends it).
    /// </summary>
    /// <returns>Pairs that were put into the heap: at most three a symbol, whatever the merges are.</returns>
    public static long Merge(Span<BpeSymbol> symbols, Dictionary<ulong, BpeMerge> merges)
    {
        for (int i = 0; i < symbols.Length; i++)
        {
            symbols[i].Previous = i - 1;
            symbols[i].Next = i + 1 < symbols.Length ? i + 1 : -1;
        }

        long offered = 0;
        var queue = new PriorityQueue<Candidate, ulong>(symbols.Length);
        for (int i = 0; i + 1 < symbols.Length; i++)
        {
            offered += Offer(symbols, merges, queue, i) ? 1 : 0;
        }

        while (queue.TryDequeue(out Candidate candidate, out _))
        {
            ref BpeSymbol left = ref symbols[candidate.Left];
            // The pair may be gone: a symbol that was merged away has id -1, one that grew has another id.
            if (left.Id != candidate.LeftId || left.Next < 0 || symbols[left.Next].Id != candidate.RightId)
            {
                continue;
            }

            ref BpeSymbol right = ref symbols[left.Next];
            left.Id = candidate.Id;
            left.End = right.End;
            left.Next = right.Next;
            right.Id = -1;
            if (left.Next >= 0)
            {
                symbols[left.Next].Previous = candidate.Left;
                offered += Offer(symbols, merges, queue, candidate.Left) ? 1 : 0;
            }

            if (left.Previous >= 0)
            {
                offered += Offer(symbols, merges, queue, left.Previous) ? 1 : 0;
            }
        }

        return offered;
    }

    private static bool Offer(Span<BpeSymbol> symbols, Dictionary<ulong, BpeMerge> merges,
        PriorityQueue<Candidate, ulong> queue, int index)
    {
        BpeSymbol left = symbols[index];
        BpeSymbol right = symbols[left.Next];
        if (left.Id >= 0 && right.Id >= 0 && !left.Frozen && !right.Frozen
            && merges.TryGetValue(Key(left.Id, right.Id), out BpeMerge merge))
        {
            queue.Enqueue(new Candidate(index, left.Id, right.Id, merge.Id), Key(merge.Rank, index));
            return true;
        }

        return false;
    }

    private readonly record struct Candidate(int Left, int LeftId, int RightId, int Id);
}
