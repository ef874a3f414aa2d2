using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>Grounding of the families whose masks belong to single <c>[SEG]</c> tokens, read at the token
/// itself.</summary>
internal static class SegmentTokens
{
    /// <summary>
    /// The tokens whose own hidden state is known: a last one that nothing followed gives no mask, as in the
    /// authors' code.
    /// </summary>
    public static IReadOnlyList<Grounding> Find(ReadOnlySpan<int> slots, Tensor hidden, int segment)
    {
        var groundings = new List<Grounding>();
        for (int i = 0; i < Math.Min(slots.Length, hidden.Size(0)); i++)
        {
            if (slots[i] == segment)
            {
                groundings.Add(new Grounding(i, i + 1));
            }
        }

        return groundings;
    }
}
