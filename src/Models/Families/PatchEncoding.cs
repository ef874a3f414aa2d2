using PixSearch.Imaging;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>A picture for the Pixel-SAIL variants: embedded rows [slots, hidden] of a grid of patches.</summary>
internal sealed class PatchEncoding(Tensor rows, int gridHeight, int gridWidth, RgbImage picture) : IImageEncoding
{
    public Tensor Rows { get; } = rows;

    public int GridHeight { get; } = gridHeight;

    public int GridWidth { get; } = gridWidth;

    public int SlotCount => Rows.Size(0);

    public int Height { get; } = picture.Height;

    public int Width { get; } = picture.Width;

    public void Dispose() => Rows.Dispose();
}
