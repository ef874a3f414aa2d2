namespace PixSearch.Imaging;

/// <summary>A colour; sRGB, bytes 0-255.</summary>
public readonly record struct Rgb(byte R, byte G, byte B)
{
    /// <summary>White.</summary>
    public static Rgb White => new(255, 255, 255);

    /// <summary>Black.</summary>
    public static Rgb Black => new(0, 0, 0);

    /// <summary>
    /// A distinct colour for the n-th thing: Okabe and Ito's palette (2008), told apart also with the common
    /// colour-vision deficiencies; it repeats after 8.
    /// </summary>
    public static Rgb Distinct(int index) => s_palette[(int)((uint)index % (uint)s_palette.Length)];

    private static readonly Rgb[] s_palette =
    [
        new(230, 159, 0), new(86, 180, 233), new(0, 158, 115), new(240, 228, 66),
        new(0, 114, 178), new(213, 94, 0), new(204, 121, 167), new(120, 120, 120),
    ];
}
