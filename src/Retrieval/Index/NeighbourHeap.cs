namespace PixSearch.Retrieval;

/// <summary>Keeps the best of many neighbours: a binary heap whose root is the worst one kept.</summary>
internal sealed class NeighbourHeap(int capacity)
{
    private readonly List<Neighbour> _items = new(Math.Min(capacity, 1024));

    /// <summary>Takes a neighbour in if it is among the best so far.</summary>
    public void Add(Neighbour item)
    {
        if (_items.Count < capacity)
        {
            _items.Add(item);
            SiftUp(_items.Count - 1);
        }
        else if (IsBetter(item, _items[0]))
        {
            _items[0] = item;
            SiftDown();
        }
    }

    /// <summary>Takes in all of another heap.</summary>
    public void AddAll(NeighbourHeap other)
    {
        foreach (Neighbour item in other._items)
        {
            Add(item);
        }
    }

    /// <summary>What was kept, best first.</summary>
    public IReadOnlyList<Neighbour> Sorted() => [.. _items.OrderByDescending(one => one.Score).ThenBy(one => one.Row)];

    private static bool IsBetter(Neighbour a, Neighbour b) => a.Score > b.Score
        || (a.Score == b.Score && a.Row < b.Row);

    private void SiftUp(int index)
    {
        while (index > 0)
        {
            int parent = (index - 1) / 2;
            if (!IsBetter(_items[parent], _items[index]))
            {
                return;
            }

            (_items[parent], _items[index]) = (_items[index], _items[parent]);
            index = parent;
        }
    }

    private void SiftDown()
    {
        int index = 0;
        while (true)
        {
            int worst = index;
            for (int child = (2 * index) + 1; child <= (2 * index) + 2 && child < _items.Count; child++)
            {
                if (IsBetter(_items[worst], _items[child]))
                {
                    worst = child;
                }
            }

            if (worst == index)
            {
                return;
            }

            (_items[worst], _items[index]) = (_items[index], _items[worst]);
            index = worst;
        }
    }
}
