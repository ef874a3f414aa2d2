namespace PixSearch.Tensors;

public static partial class OpRules
{
    /// <summary>Rule of norms over the innermost dimension: its size.</summary>
    public static int NormWidth(string op, Tensor x, Weight scale)
    {
        if (x.Rank == 0 || x.Shape[-1] == 0 || scale.Shape.Count != x.Shape[-1])
        {
            Misuse(op, "scale must be [width] for x [..., width]", ("x", x.Shape),
                ($"scale '{scale.Name}'", scale.Shape));
        }

        return x.Shape[-1];
    }

    /// <summary>Rule of norms over the channels of pictures.</summary>
    public static void Channels(string op, Tensor x, Weight scale)
    {
        if (x.Rank != 4 || x.Shape[1] == 0 || scale.Shape.Count != x.Shape[1])
        {
            Misuse(op, "x must be [batch, channels, height, width] and scale [channels]", ("x", x.Shape),
                ($"scale '{scale.Name}'", scale.Shape));
        }
    }
}
