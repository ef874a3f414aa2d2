using PixSearch.Imaging;
using PixSearch.Models.Preprocessing;
using PixSearch.Models.Sam;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>A picture for the families with CLIP and SAM: rows [slots, hidden] and features [1, C, grid,
/// grid].</summary>
internal sealed class SamImageEncoding(Tensor rows, Tensor features, PreparedPicture prepared, RgbImage picture)
    : IImageEncoding
{
    private readonly int _validHeight = prepared.ValidHeight;
    private readonly int _validWidth = prepared.ValidWidth;

    public Tensor Rows { get; } = rows;

    public Tensor Features { get; } = features;

    public int SlotCount => Rows.Size(0);

    public int Height { get; } = picture.Height;

    public int Width { get; } = picture.Width;

    /// <summary>The prompt in pixels of the padded input picture.</summary>
    public (SamPoint[] Points, SamBox[] Boxes) Scale(SamPrompt prompt)
    {
        (float x, float y) = ((float)_validWidth / Width, (float)_validHeight / Height);
        return ([.. prompt.Points.Select(p => new SamPoint(p.X * x, p.Y * y, p.Inside))],
            [.. prompt.Boxes.Select(b => new SamBox(b.Left * x, b.Top * y, b.Right * x, b.Bottom * y))]);
    }

    // [n, h, w] -> [n, Height, Width]
    public Tensor ToOriginal(IBackend backend, Tensor masks, int paddedSide)
    {
        int count = masks.Size(0);
        Tensor x = backend.Reshape(masks, new Shape(count, 1, masks.Size(1), masks.Size(2)));
        x = SamPostprocess.ToOriginal(backend, x, paddedSide, _validHeight, _validWidth, Height, Width);
        return backend.Reshape(x, new Shape(count, Height, Width));
    }

    public void Dispose()
    {
        Rows.Dispose();
        Features.Dispose();
    }
}
