using System.Collections.Concurrent;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;

namespace PixSearch.Training.Loading;

/// <summary>
/// Pictures and masks in the sizes that the networks take, made on first use and kept as bytes (0.3 MB a picture of nano): an
/// epoch decodes each JPEG once.
/// </summary>
/// <param name="makeInputs">The serving path's own preparation, up to the normalisation.</param>
/// <param name="maskSide">Side of mask targets.</param>
public sealed class PictureStore(Func<RgbImage, PictureInputs> makeInputs, int maskSide)
{
    private readonly ConcurrentDictionary<string, PictureInputs> _pictures = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<RleMask, byte[]> _masks = new();

    /// <summary>A picture's inputs.</summary>
    /// <exception cref="PixException">The file is missing or is no picture.</exception>
    public PictureInputs Picture(string file) =>
        _pictures.GetOrAdd(file, name => makeInputs(PictureCodec.DecodeFile(name)));

    /// <summary>
    /// Share of each cell that the mask covers, in 255ths. The frame is the square in which the picture lies at the top left (SAM's
    /// padding). Shape: [side, side].
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
}

/// <summary>
/// A picture prepared for both encoders, before normalisation: RGB, HWC, bytes 0-255.
/// </summary>
/// <param name="Text">For the language model's encoder. Shape: [side, side, 3].</param>
/// <param name="Masks">For SAM's encoder, resized, without padding. Shape: [height, width, 3].</param>
public sealed record PictureInputs(RgbImage Text, RgbImage Masks);
