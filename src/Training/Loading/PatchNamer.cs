namespace PixSearch.Training.Loading;

/// <summary>
/// Names of the patches that a vision transformer sees: the first token of the label of the thing that covers most of
/// the patch. A projected patch that is close to the embedding of its thing's word can be found by the language model
/// with the heads that find words; with answers alone to learn from, some thousand pictures do not teach a transformer
/// to see.
/// </summary>
/// <param name="store">Masks.</param>
/// <param name="maskSide">Side of the store's masks: a multiple of the grid.</param>
/// <param name="grid">Patches along a side.</param>
internal sealed class PatchNamer(PictureStore store, int maskSide, int grid)
{
    /// <summary>The name of a patch without a thing: the padding token, which stands for nothing else.</summary>
    public const int Nothing = 0;

    /// <summary>What a patch has that is neither one nor the other: it is not learned.</summary>
    public const int Unclear = -1;

    // A thing of 50 pixels may lie across four patches of 48, a quarter on each.
    private const double NamedShare = 0.22;
    private const double NothingShare = 0.08;

    /// <summary>Names of a picture's patches, row by row.</summary>
    public int[] Name(IReadOnlyList<PreparedThing> things)
    {
        int[] names = new int[grid * grid];
        double[] shares = new double[names.Length];
        int cells = maskSide / grid;
        foreach (PreparedThing thing in things)
        {
            byte[] mask = store.Mask(thing.Mask);
            for (int patch = 0; patch < names.Length; patch++)
            {
                int sum = 0;
                int first = (patch / grid * cells * maskSide) + (patch % grid * cells);
                for (int y = 0; y < cells; y++)
                {
                    foreach (byte cell in mask.AsSpan(first + (y * maskSide), cells))
                    {
                        sum += cell;
                    }
                }

                double share = sum / (255.0 * cells * cells);
                if (share > shares[patch])
                {
                    shares[patch] = share;
                    names[patch] = share >= NamedShare ? thing.Name : share < NothingShare ? Nothing : Unclear;
                }
            }
        }

        return names;
    }
}
