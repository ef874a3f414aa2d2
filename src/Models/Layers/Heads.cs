using PixSearch.Tensors;

namespace PixSearch.Models.Layers;

/// <summary>Dividing channels among attention heads and joining them again.</summary>
internal static class Heads
{
    /// <summary>[batch, tokens, heads * size] -> [batch, tokens, heads, size]: a view.</summary>
    public static Tensor Split(IBackend backend, Tensor x, int heads) =>
        backend.Reshape(x, new Shape(x.Size(0), x.Size(1), heads, x.Size(2) / heads));

    /// <summary>[batch, tokens, heads, size] -> [batch, tokens, heads * size]: a view.</summary>
    public static Tensor Join(IBackend backend, Tensor x) =>
        backend.Reshape(x, new Shape(x.Size(0), x.Size(1), x.Size(2) * x.Size(3)));

    /// <summary>1 / sqrt(size).</summary>
    public static float Scale(int size) => 1 / MathF.Sqrt(size);

    /// <summary>Throws unless the width divides among the heads.</summary>
    public static void Check(string module, int width, int heads)
    {
        if (heads < 1 || width % heads != 0)
        {
            throw new ArgumentException($"{module}: width {width} does not divide among {heads} heads.");
        }
    }
}
