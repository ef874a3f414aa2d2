using PixSearch.Tensors;

namespace PixSearch.Models.Sam;

/// <summary>Low-resolution masks to the size of the original picture.</summary>
public static class SamPostprocess
{
    /// <summary>
    /// Bilinear to the padded input, cut to its valid part, bilinear to the original. Shapes: masks [n, m, h, w],
    /// result [n, m, originalHeight, originalWidth].
    /// </summary>
    public static Tensor ToOriginal(IBackend backend, Tensor masks, int paddedSide, int validHeight, int validWidth,
        int originalHeight, int originalWidth)
    {
        Tensor x = Resize(backend, masks, paddedSide, paddedSide);
        x = validHeight == paddedSide ? x : backend.Slice(x, 2, 0, validHeight);
        x = validWidth == paddedSide ? x : backend.Slice(x, 3, 0, validWidth);
        return Resize(backend, x, originalHeight, originalWidth);
    }

    // Bilinear to the same size gives the same numbers.
    private static Tensor Resize(IBackend backend, Tensor x, int height, int width) =>
        x.Size(2) == height && x.Size(3) == width ? x : backend.Resize(x, height, width, ResizeMode.Bilinear);
}
