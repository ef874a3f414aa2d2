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
        Tensor x = backend.Resize(masks, paddedSide, paddedSide, ResizeMode.Bilinear);
        x = backend.Slice(backend.Slice(x, 2, 0, validHeight), 3, 0, validWidth);
        return backend.Resize(x, originalHeight, originalWidth, ResizeMode.Bilinear);
    }
}
