namespace PixSearch.Models.PixelSail;

/// <summary>
/// M-RoPE positions of a sequence with one picture: text before the picture counts 0, 1, ...; patch (r, c) stands at
/// <c>v + (0, r, c)</c>, v being the first patch's index; what follows goes on at the largest position + 1 on all axes.
/// The time axis turns no frequency (section [0, d/4, d/4]) and is kept for comparison with the authors' code.
/// </summary>
/// <param name="Time">Position on the time axis, one a slot.</param>
/// <param name="Rows">Position on the row axis.</param>
/// <param name="Columns">Position on the column axis.</param>
public sealed record MropePositions(int[] Time, int[] Rows, int[] Columns)
{
    /// <summary>
    /// Positions of slots [start, start + count).
    /// </summary>
    /// <param name="start">First slot wanted.</param>
    /// <param name="count">Number of slots wanted.</param>
    /// <param name="firstPatch">Index of the first patch; ignored without a picture.</param>
    /// <param name="height">Patches down; 0 without a picture.</param>
    /// <param name="width">Patches across.</param>
    public static MropePositions Of(int start, int count, int firstPatch, int height, int width)
    {
        var positions = new MropePositions(new int[count], new int[count], new int[count]);
        for (int i = 0; i < count; i++)
        {
            (positions.Time[i], positions.Rows[i], positions.Columns[i]) =
                At(start + i, firstPatch, height, width);
        }

        return positions;
    }

    /// <summary>Adds the positions of slots [start, start + count) on the two axes that turn.</summary>
    internal static void Add(int start, int count, int firstPatch, int height, int width, List<int> rows,
        List<int> columns)
    {
        for (int slot = start; slot < start + count; slot++)
        {
            (_, int row, int column) = At(slot, firstPatch, height, width);
            rows.Add(row);
            columns.Add(column);
        }
    }

    private static (int Time, int Row, int Column) At(int slot, int firstPatch, int height, int width)
    {
        int patches = height * width;
        if (patches == 0 || slot < firstPatch)
        {
            return (slot, slot, slot);
        }

        if (slot >= firstPatch + patches)
        {
            int after = firstPatch + Math.Max(height, width) + slot - firstPatch - patches;
            return (after, after, after);
        }

        int patch = slot - firstPatch;
        return (firstPatch, firstPatch + (patch / width), firstPatch + (patch % width));
    }
}
