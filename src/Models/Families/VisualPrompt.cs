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

    /// <summary>Pixels of the region.</summary>
    public int Area => _mask.Area;

    /// <summary>How the question names the region.</summary>
    public string Token => $"<Prompt{Index}>";

    /// <summary>True for <c>&lt;Prompt0&gt;</c> to <c>&lt;Prompt14&gt;</c>: users may write them.</summary>
    internal static bool IsToken(string token) => token.StartsWith("<Prompt", StringComparison.Ordinal) &&
        token.AsSpan(7, token.Length - 8).IndexOfAnyExceptInRange('0', '9') < 0;

    /// <summary>
    /// For each patch the id of the last prompt that touches it, or -1. Row-major, gridHeight x gridWidth.
    /// </summary>
    /// <exception cref="PixSearch.Abstractions.PixException">The tokenizer lacks a prompt's token.</exception>
    internal static int[] TokensOf(IReadOnlyList<VisualPrompt> prompts, int gridHeight, int gridWidth, int patch,
        ITokenizer tokenizer, int vocabularySize)
    {
        int[] tokens = new int[gridHeight * gridWidth];
        Array.Fill(tokens, -1);
        foreach (VisualPrompt prompt in prompts)
        {
            TokenCheck.Require(tokenizer, vocabularySize, [prompt.Token]);
            bool[] touched = prompt.Patches(gridHeight, gridWidth, patch);
            for (int i = 0; i < touched.Length; i++)
            {
                tokens[i] = touched[i] ? tokenizer.IdOf(prompt.Token) : tokens[i];
            }
        }

        return tokens;
    }

    /// <summary>
    /// Which patches the region touches: the mask goes to the picture's new size by nearest neighbour; a patch counts
    /// when any of its pixels does. Row-major, gridHeight x gridWidth.
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
