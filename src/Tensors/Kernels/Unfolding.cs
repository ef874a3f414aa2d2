namespace PixSearch.Tensors;

/// <summary>
/// Pictures to matrices and back: a convolution becomes a product of matrices. Column <c>b * pixels + p</c> of the
/// matrix holds what output pixel p of picture b looks at, one row a tap (channel, kernel row, kernel column). Shape:
/// [groupIn * kh * kw, batch * outHeight * outWidth].
/// </summary>
internal static unsafe class Unfolding
{
    /// <summary>Copies taps; those in the padding are 0.</summary>
    /// <param name="pool">Threads; a task is a channel of a picture.</param>
    /// <param name="shape">The convolution.</param>
    /// <param name="group">Which group's input channels.</param>
    /// <param name="x">Shape: [batch, in, height, width].</param>
    /// <param name="matrix">Receives the matrix.</param>
    public static void Unfold(WorkerPool pool, ConvShape shape, int group, float* x, float* matrix) =>
        pool.Run(new Job { Shape = shape, Group = group, Picture = x, Matrix = matrix, Folds = false },
            shape.Batch * shape.GroupIn);

    /// <summary>Adds every element of the matrix to the input element that it was copied from.</summary>
    /// <param name="pool">Threads; a task is a channel of a picture, so that no two write to one place.</param>
    /// <param name="shape">The convolution.</param>
    /// <param name="group">Which group's input channels.</param>
    /// <param name="matrix">The matrix.</param>
    /// <param name="x">Added to. Shape: [batch, in, height, width].</param>
    public static void Fold(WorkerPool pool, ConvShape shape, int group, float* matrix, float* x) =>
        pool.Run(new Job { Shape = shape, Group = group, Picture = x, Matrix = matrix, Folds = true },
            shape.Batch * shape.GroupIn);

    /// <summary>
    /// [batch, channels, pixels] to [channels of a group, batch * pixels], or back when <paramref name="gathers"/> is
    /// false, then plus a bias for each channel.
    /// </summary>
    public static void Regroup(WorkerPool pool, ConvShape shape, int group, float* picture, float* matrix, float* bias,
        bool gathers) => pool.Run(
        new RegroupJob { Shape = shape, Group = group, Picture = picture, Matrix = matrix, Bias = bias,
        Gathers = gathers },
        shape.Batch * shape.GroupOut);

    private struct Job : IJob
    {
        public ConvShape Shape;
        public int Group;
        public float* Picture;
        public float* Matrix;
        public bool Folds;

        public readonly void Run(int index, int thread)
        {
            (int batch, int channel) = (index / Shape.GroupIn, index % Shape.GroupIn);
            int pixels = Shape.OutHeight * Shape.OutWidth;
            long columns = (long)Shape.Batch * pixels;
            float* plane = Picture + (((long)batch * Shape.InChannels) + (Group * Shape.GroupIn) + channel)
                * Shape.InHeight * Shape.InWidth;
            float* row = Matrix + ((long)channel * Shape.KernelHeight * Shape.KernelWidth * columns)
                + ((long)batch * pixels);
            for (int down = 0; down < Shape.KernelHeight; down++)
            {
                for (int across = 0; across < Shape.KernelWidth; across++, row += columns)
                {
                    Tap(plane, down, across, row);
                }
            }
        }

        // One tap over all output pixels of a plane.
        private readonly void Tap(float* plane, int down, int across, float* row)
        {
            (int width, int stride) = (Shape.OutWidth, Shape.Stride);

            // Output columns whose input column across + c * stride - padding lies inside.
            int first = Math.Clamp((Shape.Padding - across + stride - 1) / stride, 0, width);
            int last = Shape.InWidth - 1 + Shape.Padding - across;
            int end = last < 0 ? first : Math.Clamp((last / stride) + 1, first, width);
            for (int r = 0; r < Shape.OutHeight; r++, row += width)
            {
                int y = (r * stride) - Shape.Padding + down;
                bool inside = (uint)y < (uint)Shape.InHeight;
                float* line = plane + ((long)y * Shape.InWidth) + across - Shape.Padding;
                if (Folds)
                {
                    if (inside)
                    {
                        AddLine(row, first, end, stride, line);
                    }
                }
                else
                {
                    CopyLine(inside ? line : null, first, end, width, stride, row);
                }
            }
        }

        private static void CopyLine(float* line, int first, int end, int width, int stride, float* row)
        {
            if (line is null)
            {
                new Span<float>(row, width).Clear();
                return;
            }

            for (int c = 0; c < first; c++)
            {
                row[c] = 0;
            }

            if (stride == 1)
            {
                new ReadOnlySpan<float>(line + first, end - first).CopyTo(new Span<float>(row + first, end - first));
            }
            else
            {
                for (int c = first; c < end; c++)
                {
                    row[c] = line[(long)c * stride];
                }
            }

            for (int c = end; c < width; c++)
            {
                row[c] = 0;
            }
        }

        private static void AddLine(float* row, int first, int end, int stride, float* line)
        {
            for (int c = first; c < end; c++)
            {
                line[(long)c * stride] += row[c];
            }
        }
    }

    private struct RegroupJob : IJob
    {
        public ConvShape Shape;
        public int Group;
        public float* Picture;
        public float* Matrix;
        public float* Bias;
        public bool Gathers;

        public readonly void Run(int index, int thread)
        {
            (int batch, int channel) = (index / Shape.GroupOut, index % Shape.GroupOut);
            int pixels = Shape.OutHeight * Shape.OutWidth;
            int ownChannel = (Group * Shape.GroupOut) + channel;
            var picture = new Span<float>(Picture + ((((long)batch * Shape.OutChannels) + ownChannel) * pixels),
                pixels);
            var row = new Span<float>(Matrix + ((((long)channel * Shape.Batch) + batch) * pixels), pixels);
            if (Gathers)
            {
                picture.CopyTo(row);
                return;
            }

            float bias = Bias is null ? 0 : Bias[ownChannel];
            for (int i = 0; i < pixels; i++)
            {
                picture[i] = row[i] + bias;
            }
        }
    }
}
