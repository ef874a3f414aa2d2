using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PixSearch.Tensors;

/// <summary>
/// What a convolution looks at, as a matrix that is never written whole: a row for each tap (channel, kernel row,
/// kernel column), a column for each output pixel. Panels of it are packed straight from the picture.
/// </summary>
/// <remarks>The picture carries its padding, so that no tap has to be checked against its edges.</remarks>
internal unsafe struct ConvPatches<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    // Pixels that are brought into tap order at a time: 32 taps of them are 8 KB, a part of the first-level cache.
    private const int PixelsAtATime = 64;

    // Kernel rows of this length are copied as they are: neighbours in the picture are neighbours in the panel.
    private const int LongRun = 8;

    private readonly float* _pictures;
    private readonly long _pictureStride;
    private readonly long _planeStride;
    private readonly int _rowStride;
    private readonly int _stride;
    private readonly int _kernelHeight;
    private readonly int _kernelWidth;

    // Output pixels of a row.
    private readonly int _across;

    // Whether a vector may be read where a run of fewer elements ends.
    private readonly bool _hasSlack;

    /// <summary>Patches of one group.</summary>
    /// <param name="shape">The convolution.</param>
    /// <param name="planes">
    /// First plane of the group in the first picture, with padding. Shape: [batch, in, height + 2 padding, width + 2
    /// padding].
    /// </param>
    /// <param name="hasSlack">Whether a vector may be read beyond the last plane.</param>
    public ConvPatches(in ConvShape shape, float* planes, bool hasSlack)
    {
        _pictures = planes;
        _rowStride = shape.InWidth + (2 * shape.Padding);
        _planeStride = (long)(shape.InHeight + (2 * shape.Padding)) * _rowStride;
        _pictureStride = _planeStride * shape.InChannels;
        (_stride, _kernelHeight, _kernelWidth) = (shape.Stride, shape.KernelHeight, shape.KernelWidth);
        _hasSlack = hasSlack;
        Pixels = shape.OutHeight * shape.OutWidth;

        // Without neighbours the whole plane is one row.
        IsPlain = shape is { KernelHeight: 1, KernelWidth: 1, Stride: 1, Padding: 0 };
        _across = IsPlain ? Pixels : shape.OutWidth;
    }

    /// <summary>Floats that a packed panel may need beyond its rows: a vector is stored where less is wanted.</summary>
    public static int PanelSlack => S.Width;

    /// <summary>Output pixels of a picture.</summary>
    public int Pixels { get; }

    /// <summary>Whether the matrix is the picture itself: kernel 1 x 1, stride 1.</summary>
    public bool IsPlain { get; }

    /// <summary>
    /// Packs output pixels [first, first + count) of a picture and taps [k0, k0 + k). Shape: [k][2 * Width]; columns
    /// from count on are left undefined, and <see cref="PanelSlack"/> floats behind may be written.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void PackPixels(int batch, int first, int count, int k0, int k, float* panel)
    {
        int width = 2 * S.Width;
        Run* runs = stackalloc Run[width];
        int runCount = PixelRuns(first, count, runs);
        float* picture = _pictures + (batch * _pictureStride);
        (int channel, int down, int across) = TapAt(k0);
        long twoVectors = runCount == 1 && count == width ? S.Width
            : runCount == 2 && runs[0].Count == S.Width && count == width ? runs[1].From - runs[0].From : 0;
        int left = k;
        while (left > 0)
        {
            int taps = Math.Min(left, _kernelWidth - across);
            float* x = picture + (channel * _planeStride) + ((long)down * _rowStride) + across;
            if (_stride > 1)
            {
                for (int r = 0; r < runCount; r++)
                {
                    Transposing.Run(x + runs[r].From, _stride, runs[r].Count, taps, panel + runs[r].To, width);
                }

                panel += (long)taps * width;
            }
            else if (twoVectors != 0)
            {
                float* from = x + runs[0].From;
                for (int j = 0; j < taps; j++, panel += width)
                {
                    S.Store(panel, S.Load(from + j));
                    S.Store(panel + S.Width, S.Load(from + j + twoVectors));
                }
            }
            else
            {
                for (int j = 0; j < taps; j++, panel += width)
                {
                    CopyRuns(x + j, runs, runCount, panel);
                }
            }

            left -= taps;
            across = 0;
            down++;
            (channel, down) = down == _kernelHeight ? (channel + 1, 0) : (channel, down);
        }
    }

    /// <summary>
    /// Packs taps [tap, tap + count) of output pixels [first, first + k) of a picture. Shape: [k][2 * Width]; columns
    /// from count on are left undefined.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public readonly void PackTaps(int batch, int first, int k, int tap, int count, float* panel)
    {
        int width = 2 * S.Width;
        float* picture = _pictures + (batch * _pictureStride);
        if (IsPlain)
        {
            Transposing.Run(picture + (tap * _planeStride) + first, _planeStride, count, k, panel, width);
            return;
        }

        Run* runs = stackalloc Run[width];
        int runCount = TapRuns(tap, count, runs);
        bool transposes = _kernelWidth < LongRun && (_hasSlack || _stride > 1);
        float* rows = stackalloc float[transposes ? width * PixelsAtATime : 1];
        int left = k;
        while (left > 0)
        {
            (int row, int column) = (first / _across, first % _across);
            int pixels = Math.Min(left, _across - column);
            float* x = picture + ((((long)row * _rowStride) + column) * _stride);
            if (transposes)
            {
                Turn(x, runs, runCount, count, pixels, rows, panel);
            }
            else
            {
                float* y = panel;
                for (int p = 0; p < pixels; p++, x += _stride, y += width)
                {
                    for (int r = 0; r < runCount; r++)
                    {
                        CopyExactly(x + runs[r].From, runs[r].Count, y + runs[r].To);
                    }
                }
            }

            panel += (long)pixels * width;
            first += pixels;
            left -= pixels;
        }
    }

    /// <summary>
    /// The way back: writes (or adds) rows of the matrix for some channels and output pixels [first, first + count) of
    /// a picture into its planes. Taps outside of the picture are dropped; these planes carry no padding.
    /// </summary>
    /// <param name="shape">The convolution.</param>
    /// <param name="matrix">Shape: [channels * kh * kw][width].</param>
    /// <param name="width">Elements from one row of the matrix to the next; at least count.</param>
    /// <param name="first">First output pixel.</param>
    /// <param name="count">Output pixels.</param>
    /// <param name="planes">First of the channels' planes. Shape: [channels, InHeight, InWidth].</param>
    /// <param name="channels">Channels.</param>
    public static void Fold(in ConvShape shape, float* matrix, int width, int first, int count, float* planes,
        int channels)
    {
        bool isApart = shape.IsApart;
        for (int c = 0; c < channels; c++)
        {
            float* plane = planes + ((long)c * shape.InHeight * shape.InWidth);
            (int row, int column) = (first / shape.OutWidth, first % shape.OutWidth);
            for (int at = 0; at < count; row++, column = 0)
            {
                int pixels = Math.Min(count - at, shape.OutWidth - column);
                float* x = matrix + ((long)c * shape.KernelHeight * shape.KernelWidth * width) + at;
                for (int i = 0; i < shape.KernelHeight; i++, x += (long)shape.KernelWidth * width)
                {
                    int y = (row * shape.Stride) + i - shape.Padding;
                    if ((uint)y >= (uint)shape.InHeight)
                    {
                        continue;
                    }

                    float* line = plane + ((long)y * shape.InWidth);
                    if (isApart)
                    {
                        Transposing.Run(x, width, shape.KernelWidth, pixels, line + ((long)column * shape.Stride),
                            shape.Stride);
                    }
                    else
                    {
                        AddLine(shape, x, width, column, pixels, line);
                    }
                }

                at += pixels;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddLine(in ConvShape shape, float* x, int width, int column, int pixels, float* line)
    {
        for (int j = 0; j < shape.KernelWidth; j++, x += width)
        {
            // Pixels whose place lies inside the line.
            int start = (column * shape.Stride) + j - shape.Padding;
            int p = start >= 0 ? 0 : (shape.Stride - 1 - start) / shape.Stride;
            int end = Math.Min(pixels, (shape.InWidth - start + shape.Stride - 1) / shape.Stride);
            for (; shape.Stride == 1 && p + S.Width <= end; p += S.Width)
            {
                float* to = line + start + p;
                S.Store(to, S.Add(S.Load(to), S.Load(x + p)));
            }

            // Lines of a small picture are no longer than a vector, and their ends are cut.
            for (; shape.Stride == 1 && p + Vector128<float>.Count <= end; p += Vector128<float>.Count)
            {
                float* to = line + start + p;
                (Vector128.Load(to) + Vector128.Load(x + p)).Store(to);
            }

            for (; p < end; p++)
            {
                line[start + (p * shape.Stride)] += x[p];
            }
        }
    }

    private readonly (int Channel, int Down, int Across) TapAt(int tap)
    {
        (int line, int across) = (tap / _kernelWidth, tap % _kernelWidth);
        return (line / _kernelHeight, line % _kernelHeight, across);
    }

    // Output pixels as runs within rows: from where in a plane to which column of the panel.
    private readonly int PixelRuns(int first, int count, Run* runs)
    {
        int n = 0;
        for (int at = 0; at < count;)
        {
            (int row, int column) = ((first + at) / _across, (first + at) % _across);
            int pixels = Math.Min(count - at, _across - column);
            runs[n++] = new Run { From = (((long)row * _rowStride) + column) * _stride, To = at, Count = pixels };
            at += pixels;
        }

        return n;
    }

    // Taps as runs within kernel rows: from where in a picture to which column of the panel.
    private readonly int TapRuns(int tap, int count, Run* runs)
    {
        int n = 0;
        for (int at = 0; at < count;)
        {
            (int channel, int down, int across) = TapAt(tap + at);
            int taps = Math.Min(count - at, _kernelWidth - across);
            long from = (channel * _planeStride) + ((long)down * _rowStride) + across;
            runs[n++] = new Run { From = from, To = at, Count = taps };
            at += taps;
        }

        return n;
    }

    // A line of pixels: one line of memory a tap, then turned so that a pixel's taps are neighbours.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Turn(float* x, Run* runs, int runCount, int taps, int pixels, float* rows, float* panel)
    {
        int width = 2 * S.Width;
        for (int first = 0; first < pixels; first += PixelsAtATime)
        {
            int count = Math.Min(PixelsAtATime, pixels - first);
            float* row = rows;
            for (int r = 0; r < runCount; r++)
            {
                float* from = x + ((long)first * _stride) + runs[r].From;
                if (_stride > 1)
                {
                    Transposing.Run(from, _stride, count, runs[r].Count, row, PixelsAtATime);
                    row += runs[r].Count * PixelsAtATime;
                    continue;
                }

                for (int j = 0; j < runs[r].Count; j++, from++, row += PixelsAtATime)
                {
                    for (int p = 0; p < count; p += S.Width)
                    {
                        S.Store(row + p, S.Load(from + p));
                    }
                }
            }

            Transposing.Run(rows, PixelsAtATime, taps, count, panel + ((long)first * width), width);
        }
    }

    // What a vector brings too much lands where the next run, or the next row, is written later.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void CopyRuns(float* x, Run* runs, int runCount, float* y)
    {
        for (int r = 0; r < runCount; r++)
        {
            float* from = x + runs[r].From;
            float* to = y + runs[r].To;
            if (!_hasSlack)
            {
                CopyExactly(from, runs[r].Count, to);
                continue;
            }

            for (int i = 0; i < runs[r].Count; i += S.Width)
            {
                S.Store(to + i, S.Load(from + i));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyExactly(float* x, int count, float* y)
    {
        int i = 0;
        for (; i + S.Width <= count; i += S.Width)
        {
            S.Store(y + i, S.Load(x + i));
        }

        if (i < count && count > S.Width)
        {
            // The last vector again takes in elements that are there already.
            S.Store(y + count - S.Width, S.Load(x + count - S.Width));
            return;
        }

        for (; i < count; i++)
        {
            y[i] = x[i];
        }
    }

    private struct Run
    {
        public long From;
        public int To;
        public int Count;
    }
}
