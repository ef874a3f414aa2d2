namespace PixSearch.Tensors;

/// <summary>
/// Convolution with one filter a channel: a task is one plane, a filter element is added to a whole row at a time.
/// </summary>
internal unsafe struct DepthwiseJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public ConvShape Shape;
    public float* X;
    public float* Weight;
    public float* Bias;
    public float* Y;

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        int channel = index % Shape.OutChannels;
        float* x = X + ((long)index * Shape.InHeight * Shape.InWidth);
        float* y = Y + ((long)index * Shape.OutHeight * Shape.OutWidth);
        float* weight = Weight + ((long)channel * Shape.KernelHeight * Shape.KernelWidth);
        new Span<float>(y, Shape.OutHeight * Shape.OutWidth).Fill(Bias is null ? 0 : Bias[channel]);
        for (int r = 0; r < Shape.OutHeight; r++, y += Shape.OutWidth)
        {
            for (int i = 0; i < Shape.KernelHeight; i++)
            {
                int row = (r * Shape.Stride) - Shape.Padding + i;
                if ((uint)row >= (uint)Shape.InHeight)
                {
                    continue;
                }

                for (int j = 0; j < Shape.KernelWidth; j++)
                {
                    AddRow(x + ((long)row * Shape.InWidth), j - Shape.Padding, weight[(i * Shape.KernelWidth) + j], y);
                }
            }
        }
    }

    private readonly void AddRow(float* x, int first, float factor, float* y)
    {
        int c = 0;
        while (c < Shape.OutWidth && (c * Shape.Stride) + first < 0)
        {
            c++;
        }

        if (Shape.Stride == 1)
        {
            V all = S.Splat(factor);
            for (; c + S.Width <= Shape.OutWidth && c + S.Width + first <= Shape.InWidth; c += S.Width)
            {
                S.Store(y + c, S.Fma(all, S.Load(x + first + c), S.Load(y + c)));
            }
        }

        for (; c < Shape.OutWidth && (c * Shape.Stride) + first < Shape.InWidth; c++)
        {
            y[c] += factor * x[first + (c * Shape.Stride)];
        }
    }
}
