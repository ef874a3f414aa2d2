namespace PixSearch.Imaging.Masks;

/// <summary>
/// Which part of a mask is the entity. Decoded masks carry islands on other things of the same kind, and bridges to
/// them a cell of the decoder's grid wide; a tight box round all of it shows the index encoder two entities. SAM drops
/// small islands by a fixed area (Kirillov et al. 2023, "Segment Anything", appendix on post-processing); a region
/// query is about one thing, so here only the largest part stays.
/// </summary>
public static class MaskParts
{
    // Parts are told apart on a coarse grid: noise of a mask decoder is a cell of its grid (64 to 256 along a side),
    // and looking for parts costs the same whatever the picture's size, since the engine's thread pays it. Pixels are
    // only counted and copied, by cells.
    private const int Grid = 128;

    /// <summary>The largest part of a mask, at 1/128 of the longer side: what is left after parts and bridges less than
    /// three cells wide have been worn off, and the mask's pixels within two cells of it.</summary>
    /// <param name="mask">Any mask; stays as it is.</param>
    /// <returns>A mask of the same size with a subset of the pixels; empty only for an empty mask.</returns>
    public static BinaryMask Main(BinaryMask mask)
    {
        int longer = Math.Max(mask.Width, mask.Height);
        int cell = Math.Max(1, (longer + Grid - 1) / Grid);
        int width = (mask.Width + cell - 1) / cell;
        int height = (mask.Height + cell - 1) / cell;
        bool[] covered = Covered(mask, cell, width, height);
        bool[] core = Largest(Erode(covered, width, height), width, height) ?? Largest(covered, width, height) ?? [];
        if (core.Length == 0)
        {
            return mask;
        }

        bool[] near = Grow(Grow(core, width, height), width, height);
        var part = new BinaryMask(mask.Width, mask.Height);
        for (int y = 0; y < mask.Height; y++)
        {
            int row = y / cell * width;
            for (int x = 0; x < width; x++)
            {
                if (near[row + x])
                {
                    int at = (y * mask.Width) + (x * cell);
                    int count = Math.Min(cell, mask.Width - (x * cell));
                    mask.Bits.Slice(at, count).CopyTo(part.Bits[at..]);
                }
            }
        }

        return part;
    }

    // At least half of a cell's pixels; any pixel where no cell has half.
    private static bool[] Covered(BinaryMask mask, int cell, int width, int height)
    {
        int[] pixels = new int[width * height];
        for (int y = 0; y < mask.Height; y++)
        {
            ReadOnlySpan<byte> row = mask.Bits.Slice(y * mask.Width, mask.Width);
            Span<int> cells = pixels.AsSpan(y / cell * width, width);
            for (int x = 0; x < width; x++)
            {
                foreach (byte bit in row.Slice(x * cell, Math.Min(cell, row.Length - (x * cell))))
                {
                    cells[x] += bit;
                }
            }
        }

        int half = ((cell * cell) + 1) / 2;
        int needed = pixels.Any(count => count >= half) ? half : 1;
        return [.. pixels.Select(count => count >= needed)];
    }

    private static bool[] Erode(bool[] cells, int width, int height)
    {
        bool[] left = new bool[cells.Length];
        for (int y = 1; y < height - 1; y++)
        {
            for (int x = 1; x < width - 1; x++)
            {
                bool all = true;
                for (int dy = -1; dy <= 1; dy++)
                {
                    int at = ((y + dy) * width) + x;
                    all &= cells[at - 1] && cells[at] && cells[at + 1];
                }

                left[(y * width) + x] = all;
            }
        }

        return left;
    }

    private static bool[] Grow(bool[] cells, int width, int height)
    {
        bool[] grown = new bool[cells.Length];
        for (int i = 0; i < cells.Length; i++)
        {
            if (!cells[i])
            {
                continue;
            }

            (int x, int y) = (i % width, i / width);
            for (int row = Math.Max(0, y - 1); row <= Math.Min(height - 1, y + 1); row++)
            {
                int from = Math.Max(0, x - 1);
                int to = Math.Min(width - 1, x + 1);
                grown.AsSpan((row * width) + from, to - from + 1).Fill(true);
            }
        }

        return grown;
    }

    // The largest set of cells that touch by their sides; null when there is none.
    private static bool[]? Largest(bool[] cells, int width, int height)
    {
        bool[] seen = new bool[cells.Length];
        List<int>? best = null;
        var open = new Stack<int>();
        for (int start = 0; start < cells.Length; start++)
        {
            if (!cells[start] || seen[start])
            {
                continue;
            }

            var part = new List<int>();
            Visit(start);
            while (open.TryPop(out int at))
            {
                part.Add(at);
                (int x, int y) = (at % width, at / width);
                if (x > 0)
                {
                    Visit(at - 1);
                }

                if (x < width - 1)
                {
                    Visit(at + 1);
                }

                if (y > 0)
                {
                    Visit(at - width);
                }

                if (y < height - 1)
                {
                    Visit(at + width);
                }
            }

            best = part.Count > (best?.Count ?? 0) ? part : best;
        }

        if (best is null)
        {
            return null;
        }

        bool[] largest = new bool[cells.Length];
        best.ForEach(at => largest[at] = true);
        return largest;

        void Visit(int at)
        {
            if (cells[at] && !seen[at])
            {
                seen[at] = true;
                open.Push(at);
            }
        }
    }
}
