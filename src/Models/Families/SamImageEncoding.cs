using PixSearch.Imaging;
using PixSearch.Models.Sam;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// A picture for the families with CLIP and SAM: rows [slots, hidden] and features [1, C, grid, grid]. Features are
/// made when the first mask is asked for, since an answer may need none; until then the picture in SAM's size is kept.
/// </summary>
internal sealed class SamImageEncoding(Tensor rows, RgbImage resized, RgbImage picture, Func<RgbImage, Tensor> encode)
    : IImageEncoding
{
    private readonly int _validHeight = resized.Height;
    private readonly int _validWidth = resized.Width;
    private RgbImage? _resized = resized;
    private Tensor? _features;

    public Tensor Rows { get; } = rows;

    /// <summary>SAM's features, encoded on first use.</summary>
    public Tensor Features
    {
        get
        {
            if (_resized is { } waiting)
            {
                using var scope = new TensorScope();
                _features = TensorScope.Detach(encode(waiting));
                _resized = null;
            }

            return _features!;
        }
    }

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
        _features?.Dispose();
    }
}
