using PixSearch.Models.Preprocessing;

namespace PixSearch.Training.Loading;

/// <summary>
/// A prepared picture as the bytes that it was normalised from: a quarter of the memory, and the same numbers when they
/// are normalised again.
/// </summary>
public sealed class StoredPicture
{
    private readonly byte[] _bytes;
    private readonly int _height;
    private readonly int _width;
    private readonly int _validHeight;
    private readonly int _validWidth;

    private StoredPicture(byte[] bytes, PreparedPicture like)
    {
        _bytes = bytes;
        (_height, _width, _validHeight, _validWidth) = (like.Height, like.Width, like.ValidHeight, like.ValidWidth);
    }

    /// <summary>Numbers of the prepared picture, padding included.</summary>
    public int Count => 3 * _height * _width;

    /// <summary>Undoes a normalisation: exact, since a byte is some hundred times further from the next than its
    /// rounding.</summary>
    public static StoredPicture From(PreparedPicture picture, PixelNormalization normalization)
    {
        byte[] bytes = new byte[3 * picture.ValidHeight * picture.ValidWidth];
        ReadOnlySpan<float> numbers = picture.Numbers;
        int at = 0;
        for (int colour = 0; colour < 3; colour++)
        {
            float mean = normalization.Mean[colour];
            float deviation = normalization.Deviation[colour];
            for (int y = 0; y < picture.ValidHeight; y++)
            {
                ReadOnlySpan<float> row = numbers.Slice(((colour * picture.Height) + y) * picture.Width,
                    picture.ValidWidth);
                foreach (float value in row)
                {
                    bytes[at++] = (byte)MathF.Round(((value * deviation) + mean) * 255);
                }
            }
        }

        return new StoredPicture(bytes, picture);
    }

    /// <summary>The prepared picture's numbers. Shape: [3, height, width].</summary>
    public void Write(PixelNormalization normalization, Span<float> destination)
    {
        destination[..Count].Clear();
        Span<float> table = stackalloc float[256];
        int at = 0;
        for (int colour = 0; colour < 3; colour++)
        {
            for (int value = 0; value < table.Length; value++)
            {
                table[value] = normalization.Apply((byte)value, colour);
            }

            for (int y = 0; y < _validHeight; y++)
            {
                Span<float> row = destination.Slice(((colour * _height) + y) * _width, _validWidth);
                for (int x = 0; x < row.Length; x++)
                {
                    row[x] = table[_bytes[at++]];
                }
            }
        }
    }
}
