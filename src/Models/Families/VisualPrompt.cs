using PixSearch.Imaging.Masks;

namespace PixSearch.Models.Families;

/// <summary>A region that a question speaks of as <c>&lt;PromptK&gt;</c> (Pixel-SAIL).</summary>
public sealed class VisualPrompt
{
    private readonly BinaryMask _mask;

    /// <summary>Region K by its mask, in the size of the picture.</summary>
    public VisualPrompt(int index, BinaryMask mask)
    {
        if (index is < 0 or > IndexMax)
        {
            throw new ArgumentOutOfRangeException(nameof(index), index, $"Visual prompts have indices 0..{IndexMax}.");
        }

        (Index, _mask) = (index, mask);
    }

    /// <summary>Largest K of <c>&lt;PromptK&gt;</c>.</summary>
    public const int IndexMax = 14;

    /// <summary>K.</summary>
    public int Index { get; }

    /// <summary>How the question names the region.</summary>
    public string Token => $"<Prompt{Index}>";

    /// <summary>
    /// Which patches the region touches: the mask goes to the picture's new size by nearest neighbour; a patch counts when any of
    /// its pixels does. Row-major, gridHeight x gridWidth.
    /// </summary>
    internal bool[] Patches(int gridHeight, int gridWidth, int patch)
    {
        int width = gridWidth * patch;
        Span<byte> resized = _mask.Resize(width, gridHeight * patch).Bits;
        bool[] touched = new bool[gridHeight * gridWidth];
        for (int i = 0; i < resized.Length; i++)
        {
            if (resized[i] != 0)
            {
                touched[(i / width / patch * gridWidth) + (i % width / patch)] = true;
            }
        }

        return touched;
    }
}
