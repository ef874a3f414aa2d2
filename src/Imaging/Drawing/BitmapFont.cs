namespace PixSearch.Imaging.Drawing;

/// <summary>
/// A 5x7 font drawn for this project: printable ASCII, seven rows a glyph, five bits a row, the highest bit at the
/// left. Characters outside are shown as '?', after common accents are taken off.
/// </summary>
internal static class BitmapFont
{
    public const int GlyphWidth = 5;
    public const int GlyphHeight = 7;

    /// <summary>From one character to the next.</summary>
    public const int Advance = 6;

    private const string Rows =
        // space to &
        "00000000000000 04040404040004 0a0a0a00000000 0a0a1f0a1f0a0a 040f140e051e04 18190204081303 0c12140815120d "
        // ' to -
        + "04040800000000 02040808080402 08040202020408 00040a1f0a0400 0004041f040400 00000000040408 0000001f000000 "
        // . to 4
        + "00000000000c0c 00010204081000 0e11131519110e 040c040404040e 0e11010204081f 1f02040201110e 02060a121f0202 "
        // 5 to ;
        + "1f101e0101110e 0608101e11110e 1f010204080808 0e11110e11110e 0e11110f01020c 000c0c000c0c00 000c0c000c0408 "
        // < to B
        + "02040810080402 00001f001f0000 08040201020408 0e110102040004 0e11010d15150e 0e11111f111111 1e11111e11111e "
        // C to I
        + "0e11101010110e 1c12111111121c 1f10101e10101f 1f10101e101010 0e11101711110f 1111111f111111 0e04040404040e "
        // J to P
        + "0702020202120c 11121418141211 1010101010101f 111b1515111111 11111915131111 0e11111111110e 1e11111e101010 "
        // Q to W
        + "0e11111115120d 1e11111e141211 0f10100e01011e 1f040404040404 1111111111110e 11111111110a04 11111115151b11 "
        // X to ^
        + "11110a040a1111 1111110a040404 1f01020408101f 0e08080808080e 00100804020100 0e02020202020e 040a1100000000 "
        // _ to e
        + "0000000000001f 08040200000000 00000e010f110f 10101619111 11e 00000e1010110e 01010d1311110f 00000e111f100e "
        // f to l
        + "0609081c080808 00000f110f010e 10101619111111 04000c0404040e 0200060202120c 10101214181412 0c04040404040e "
        // m to s
        + "00001a15151111 00001619111111 00000e1111110e 00001e111e1010 00000d130f0101 00001619101010 00000e100e011e "
        // t to z
        + "08081c08080906 0000111111130d 00001111110a04 0000111115150a 0000110a040a11 000011110f010e 00001f0204081f "
        // { to ~
        + "02040408040402 04040404040404 08040402040408 00000815020000 ";

    private static readonly byte[] s_rows = Parse();

    /// <summary>Whether a pixel of a glyph is set.</summary>
    public static bool IsSet(char character, int x, int y)
    {
        int glyph = character is >= ' ' and <= '~' ? character - ' ' : '?' - ' ';
        return (s_rows[glyph * GlyphHeight + y] >> (GlyphWidth - 1 - x) & 1) != 0;
    }

    /// <summary>The text in characters that the font has (InvariantGlobalization: no Unicode decomposition at
    /// hand).</summary>
    public static string Simplify(string text) => string.Create(text.Length, text, (target, source) =>
    {
        const string Accented = "ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝàáâãäåçèéêëìíîïñòóôõöøùúûüýÿşğıčćžšŠōū’–—";
        const string Plain = "AAAAAACEEEEIIIINOOOOOOUUUUYaaaaaaceeeeiiiinoooooouuuuyysgicczsSou'--";
        for (int i = 0; i < source.Length; i++)
        {
            int at = Accented.IndexOf(source[i], StringComparison.Ordinal);
            target[i] = at >= 0 ? Plain[at] : source[i] is >= ' ' and <= '~' ? source[i] : '?';
        }
    });

    private static byte[] Parse()
    {
        byte[] rows = Convert.FromHexString(Rows.Replace(" ", "", StringComparison.Ordinal));
        return rows.Length == ('~' - ' ' + 1) * GlyphHeight
            ? rows
            : throw new InvalidOperationException($"The font table has {rows.Length} rows.");
    }
}
