using PixSearch.Imaging;
using PixSearch.Models.Preprocessing;

namespace PixSearch.Models.Families;

/// <summary>A region that a question speaks of as <c>&lt;PromptK&gt;</c> (Pixel-SAIL).</summary>
public sealed class VisualPrompt
{
    private readonly byte[] _mask;

    /// <summary>A region by its mask: 1 inside, 0 outside, row-major, in the size of the picture.</summary>
    public VisualPrompt(int index, int width, int height, byte[] mask)
    {
        if (index is < 0 or > IndexMax)
        {
            throw new ArgumentOutOfRangeException(nameof(index), index, $"Visual prompts have indices 0..{IndexMax}.");
        }

        if (mask.LongLength != (long)width * height)
        {
            throw new ArgumentException($"A mask of {width}x{height} has {(long)width * height} bytes, not {mask.Length}.");
        }

        (Index, Width, Height, _mask) = (index, width, height, mask);
    }

    /// <summary>Largest K of <c>&lt;PromptK&gt;</c>.</summary>
    public const int IndexMax = 14;

    /// <summary>K.</summary>
    public int Index { get; }

    /// <summary>Width of the mask in pixels.</summary>
    public int Width { get; }

    /// <summary>Height of the mask in pixels.</summary>
    public int Height { get; }

    /// <summary>How the question names the region.</summary>
    public string Token => $"<Prompt{Index}>";

    /// <summary>
    /// Which patches the region touches: the mask goes to the picture's new size by nearest neighbour; a patch counts when any of
    /// its pixels does. Row-major, gridHeight x gridWidth.
    /// </summary>
    internal bool[] Patches(int gridHeight, int gridWidth, int patch)
    {
        int width = gridWidth * patch;
        byte[] resized = Resizer.Resize(_mask, Width, Height, 1, width, gridHeight * patch, Resampling.Nearest);
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
