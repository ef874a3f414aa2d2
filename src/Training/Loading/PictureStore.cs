using System.Collections.Concurrent;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Models.Preprocessing;

namespace PixSearch.Training.Loading;

/// <summary>
/// Pictures and masks in the sizes that a network takes, made on first use by the serving path's own preparation and
/// kept as bytes (0.3 MB a picture of nano): training decodes each file once.
/// </summary>
/// <param name="prepare">The preparations, one for each encoder of the network.</param>
/// <param name="maskSide">Side of mask targets.</param>
public sealed class PictureStore(IReadOnlyList<(Func<RgbImage, PreparedPicture> Prepare,
    PixelNormalization Normalization)> prepare,
    int maskSide)
{
    private readonly ConcurrentDictionary<string, StoredPicture[]> _pictures = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<RleMask, byte[]> _masks = new();

    /// <summary>Numbers of a picture's input to an encoder.</summary>
    public int SizeOf(int encoder, string file) => Stored(file)[encoder].Count;

    /// <summary>Writes a picture's input to an encoder, exactly as serving makes it. Shape: [3, height,
    /// width].</summary>
    /// <exception cref="PixException">The file is missing or is no picture.</exception>
    public void Write(int encoder, string file, Span<float> destination) =>
        Stored(file)[encoder].Write(prepare[encoder].Normalization, destination);

    /// <summary>
    /// Share of each cell that the mask covers, in 255ths. The frame is the square in which the picture lies at the top
    /// left (SAM's padding). Shape: [side, side].
    /// </summary>
    public byte[] Mask(RleMask mask) => _masks.GetOrAdd(mask, rle => Coverage(RleCodec.Decode(rle), maskSide));

    /// <summary>Mean of a mask over the cells of a <paramref name="side"/> x side grid on its padded square.</summary>
    public static byte[] Coverage(BinaryMask mask, int side)
    {
        int frame = Math.Max(mask.Width, mask.Height);
        int[] set = new int[side * side];
        int[] all = new int[side * side];
        ReadOnlySpan<byte> bits = mask.Bits;
        for (int y = 0; y < frame; y++)
        {
            int row = y * side / frame * side;
            for (int x = 0; x < frame; x++)
            {
                int cell = row + (x * side / frame);
                all[cell]++;
                set[cell] += y < mask.Height && x < mask.Width ? bits[(y * mask.Width) + x] : 0;
            }
        }

        byte[] coverage = new byte[side * side];
        for (int i = 0; i < coverage.Length; i++)
        {
            coverage[i] = (byte)(all[i] == 0 ? 0 : ((255 * set[i]) + (all[i] / 2)) / all[i]);
        }

        return coverage;
    }

    private StoredPicture[] Stored(string file) => _pictures.GetOrAdd(file, name =>
    {
        RgbImage picture = PictureCodec.DecodeFile(name);
        return [.. prepare.Select(way => StoredPicture.From(way.Prepare(picture), way.Normalization))];
    });
}
