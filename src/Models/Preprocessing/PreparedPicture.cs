using PixSearch.Tensors;

namespace PixSearch.Models.Preprocessing;

/// <summary>
/// A picture as a model reads it: F32, CHW, colours R, G, B, normalised. What lies outside of the valid part is zero.
/// </summary>
public sealed class PreparedPicture
{
    private readonly float[] _numbers;

    internal PreparedPicture(float[] numbers, int height, int width, int validHeight, int validWidth)
    {
        (_numbers, Height, Width) = (numbers, height, width);
        (ValidHeight, ValidWidth) = (validHeight, validWidth);
    }

    /// <summary>Height with padding, in pixels.</summary>
    public int Height { get; }

    /// <summary>Width with padding, in pixels.</summary>
    public int Width { get; }

    /// <summary>Rows that show the picture.</summary>
    public int ValidHeight { get; }

    /// <summary>Columns that show the picture.</summary>
    public int ValidWidth { get; }

    /// <summary>All numbers. Shape: [3, height, width].</summary>
    public ReadOnlySpan<float> Numbers => _numbers;

    /// <summary>As a batch of one. Shape: [1, 3, height, width].</summary>
    public Tensor ToTensor(IBackend backend) => backend.From(_numbers, new Shape(1, 3, Height, Width));
}
