using System.Text;
using PixSearch.Abstractions;

namespace PixSearch.Imaging.Masks;

/// <summary>
/// COCO run-length masks (pycocotools' maskApi): runs of 0 and 1 in turn, column by column, the first run being of 0.
/// From the fourth run on the difference to the run two before is stored; each number in groups of 5 bits with a
/// continuation bit, as characters from '0' on.
/// </summary>
public static class RleCodec
{
    // The longest group of a 32-bit difference: 7 characters of 5 bits.
    private const int CharactersMax = 7;

    /// <summary>Encodes a mask.</summary>
    public static RleMask Encode(BinaryMask mask)
    {
        var counts = new List<int>();
        int run = 0;
        byte value = 0;
        ReadOnlySpan<byte> bits = mask.Bits;
        for (int x = 0; x < mask.Width; x++)
        {
            for (int i = x; i < bits.Length; i += mask.Width)
            {
                if (bits[i] != value)
                {
                    counts.Add(run);
                    (run, value) = (0, bits[i]);
                }

                run++;
            }
        }

        counts.Add(run);
        return new RleMask(mask.Height, mask.Width, Write(counts));
    }

    /// <summary>Decodes a mask that may come from outside.</summary>
    /// <param name="rle">Size and counts.</param>
    /// <param name="limits">Null for <see cref="PictureLimits.Default"/>.</param>
    /// <exception cref="PixException">InvalidPicture: too large, a wrong character, or counts that miss the
    /// size.</exception>
    public static BinaryMask Decode(RleMask rle, PictureLimits? limits = null)
    {
        List<int> counts = Read(rle, limits ?? PictureLimits.Default);
        var mask = new BinaryMask(rle.Width, rle.Height);
        Span<byte> bits = mask.Bits;
        int position = 0;
        for (int i = 0; i < counts.Count; i++)
        {
            int end = position + counts[i];
            if ((i & 1) == 1)
            {
                (int x, int y) = (position / rle.Height, position % rle.Height);
                for (int at = position; at < end; at++)
                {
                    bits[y * rle.Width + x] = 1;
                    if (++y == rle.Height)
                    {
                        (x, y) = (x + 1, 0);
                    }
                }
            }

            position = end;
        }

        return mask;
    }

    /// <summary>Pixels that are set, without decoding.</summary>
    public static long Area(RleMask rle)
    {
        List<int> counts = Read(rle, PictureLimits.Default);
        long area = 0;
        for (int i = 1; i < counts.Count; i += 2)
        {
            area += counts[i];
        }

        return area;
    }

    /// <summary>The tight box; all zero for an empty mask.</summary>
    public static PixelBox Box(RleMask rle) => Decode(rle).Box;

    /// <summary>Intersection over union of two masks of one size, on the runs; two empty masks are alike (1).</summary>
    public static double Iou(RleMask a, RleMask b)
    {
        if (a.Width != b.Width || a.Height != b.Height)
        {
            throw new ArgumentException($"Masks of {a.Width}x{a.Height} and {b.Width}x{b.Height} cannot be compared.");
        }

        List<int> first = Read(a, PictureLimits.Default), second = Read(b, PictureLimits.Default);
        long both = 0, either = 0;
        int i = 0, j = 0, leftA = first[0], leftB = second[0];
        while (true)
        {
            while (leftA == 0 && i + 1 < first.Count)
            {
                leftA = first[++i];
            }

            while (leftB == 0 && j + 1 < second.Count)
            {
                leftB = second[++j];
            }

            int step = Math.Min(leftA, leftB);
            if (step == 0)
            {
                return either == 0 ? 1 : (double)both / either;
            }

            // Odd runs are set pixels.
            both += (i & j & 1) * step;
            either += ((i | j) & 1) * step;
            leftA -= step;
            leftB -= step;
        }
    }

    private static string Write(List<int> counts)
    {
        var text = new StringBuilder(counts.Count * 2);
        for (int i = 0; i < counts.Count; i++)
        {
            long value = i > 2 ? counts[i] - (long)counts[i - 2] : counts[i];
            bool more = true;
            while (more)
            {
                long group = value & 0x1F;
                value >>= 5;
                more = (group & 0x10) != 0 ? value != -1 : value != 0;
                text.Append((char)((more ? group | 0x20 : group) + 48));
            }
        }

        return text.ToString();
    }

    private static List<int> Read(RleMask rle, PictureLimits limits)
    {
        limits.CheckSize(rle.Width, rle.Height);
        long pixels = (long)rle.Width * rle.Height;
        var counts = new List<int>();
        long total = 0;
        int position = 0;
        while (position < rle.Counts.Length)
        {
            long value = ReadNumber(rle.Counts, ref position);
            if (counts.Count > 2)
            {
                value += counts[^2];
            }

            total += value;
            if (value < 0 || total > pixels)
            {
                throw Broken($"run {counts.Count} is {value}, {total} of {pixels} pixels");
            }

            counts.Add((int)value);
        }

        return total == pixels ? counts : throw Broken($"its runs cover {total} of {pixels} pixels");
    }

    private static long ReadNumber(string text, ref int position)
    {
        long value = 0;
        for (int shift = 0; ; shift += 5)
        {
            if (position >= text.Length || shift >= CharactersMax * 5)
            {
                throw Broken($"the counts end within a number at character {position}");
            }

            int code = text[position++] - 48;
            if (code is < 0 or > 63)
            {
                throw Broken($"character {position - 1} of the counts is not one of '0' to 'o'");
            }

            value |= (long)(code & 0x1F) << shift;
            if ((code & 0x20) == 0)
            {
                return (code & 0x10) != 0 ? value | (-1L << (shift + 5)) : value;
            }
        }
    }

    private static PixException Broken(string reason) =>
        new(PixErrorKind.InvalidPicture, $"The run-length mask is damaged: {reason}.");
}
