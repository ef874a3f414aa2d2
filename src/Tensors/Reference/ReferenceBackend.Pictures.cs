namespace PixSearch.Tensors;

public unsafe partial class ReferenceBackend
{
    /// <inheritdoc/>
    private protected override void Conv2dCore(in ConvShape shape, float* x, float* weight, float* bias, float* y)
    {
        ConvShape s = shape;
        ConvTaps taps = new(s);
        for (int b = 0; b < s.Batch; b++)
        {
            for (int o = 0; o < s.OutChannels; o++)
            {
                for (int pixel = 0; pixel < s.OutHeight * s.OutWidth; pixel++)
                {
                    double sum = bias is null ? 0 : bias[o];
                    for (int tap = 0; tap < taps.Count; tap++)
                    {
                        long at = taps.InputAt(b, o, pixel, tap);
                        sum += at < 0 ? 0 : (double)x[at] * weight[((long)o * taps.Count) + tap];
                    }

                    y[taps.OutputAt(b, o, pixel)] = (float)sum;
                }
            }
        }
    }

    /// <inheritdoc/>
    private protected override void Conv2dBackwardCore(in ConvShape shape, float* x, float* weight, float* dy,
        float* dx, float* dWeight)
    {
        ScatterTaps(shape, dy, weight, dx);
        if (dWeight is not null)
        {
            Conv2dWeightGradientCore(shape, x, dy, dWeight);
        }
    }

    /// <inheritdoc/>
    private protected override void Conv2dWeightGradientCore(in ConvShape shape, float* x, float* dy, float* dWeight)
    {
        ConvShape s = shape;
        ConvTaps taps = new(s);
        for (int o = 0; o < s.OutChannels; o++)
        {
            for (int tap = 0; tap < taps.Count; tap++)
            {
                double sum = 0;
                for (int b = 0; b < s.Batch; b++)
                {
                    for (int pixel = 0; pixel < s.OutHeight * s.OutWidth; pixel++)
                    {
                        long at = taps.InputAt(b, o, pixel, tap);
                        sum += at < 0 ? 0 : (double)x[at] * dy[taps.OutputAt(b, o, pixel)];
                    }
                }

                dWeight[((long)o * taps.Count) + tap] += (float)sum;
            }
        }
    }

    /// <inheritdoc/>
    private protected override void ConvTranspose2dCore(in ConvShape shape, float* x, float* weight, float* bias,
        float* y)
    {
        int pixels = shape.InHeight * shape.InWidth;
        for (int plane = 0; plane < shape.Batch * shape.InChannels; plane++)
        {
            new Span<float>(y + ((long)plane * pixels), pixels).Fill(bias is null ? 0 : bias[plane % shape.InChannels]);
        }

        ScatterTaps(shape, x, weight, y);
    }

    /// <inheritdoc/>
    protected override void ChannelSumsCore(float* x, int batch, int channels, int pixels, float* y)
    {
        for (int c = 0; c < channels; c++)
        {
            double sum = 0;
            for (int b = 0; b < batch; b++)
            {
                float* plane = x + ((((long)b * channels) + c) * pixels);
                for (int i = 0; i < pixels; i++)
                {
                    sum += plane[i];
                }
            }

            y[c] += (float)sum;
        }
    }

    /// <inheritdoc/>
    protected override void ResizeCore(float* x, int planes, int inHeight, int inWidth, int height, int width,
        ResizeMode mode, float* y)
    {
        for (int plane = 0; plane < planes; plane++, x += (long)inHeight * inWidth)
        {
            for (int r = 0; r < height; r++)
            {
                ResizeTap down = ResizeTap.At(r, inHeight, height, mode);
                for (int c = 0; c < width; c++)
                {
                    ResizeTap across = ResizeTap.At(c, inWidth, width, mode);
                    float* first = x + ((long)down.First * inWidth);
                    float* second = x + ((long)down.Second * inWidth);
                    float top = (first[across.First] * (1 - across.Weight)) + (first[across.Second] * across.Weight);
                    float bottom = (second[across.First] * (1 - across.Weight))
                        + (second[across.Second] * across.Weight);
                    *y++ = (top * (1 - down.Weight)) + (bottom * down.Weight);
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void ResizeBackwardCore(float* dy, int planes, int inHeight, int inWidth, int height, int width,
        ResizeMode mode, float* dx)
    {
        for (int plane = 0; plane < planes; plane++, dx += (long)inHeight * inWidth)
        {
            for (int r = 0; r < height; r++)
            {
                ResizeTap down = ResizeTap.At(r, inHeight, height, mode);
                for (int c = 0; c < width; c++)
                {
                    ResizeTap across = ResizeTap.At(c, inWidth, width, mode);
                    float* first = dx + ((long)down.First * inWidth);
                    float* second = dx + ((long)down.Second * inWidth);
                    float g = *dy++;
                    first[across.First] += g * (1 - down.Weight) * (1 - across.Weight);
                    first[across.Second] += g * (1 - down.Weight) * across.Weight;
                    second[across.First] += g * down.Weight * (1 - across.Weight);
                    second[across.Second] += g * down.Weight * across.Weight;
                }
            }
        }
    }

    // Each output element spread over the inputs it came from: the gradient of a convolution's input, and a transposed
    // convolution.
    private static void ScatterTaps(in ConvShape shape, float* y, float* weight, float* x)
    {
        ConvTaps taps = new(shape);
        for (int b = 0; b < shape.Batch; b++)
        {
            for (int o = 0; o < shape.OutChannels; o++)
            {
                for (int pixel = 0; pixel < shape.OutHeight * shape.OutWidth; pixel++)
                {
                    float value = y[taps.OutputAt(b, o, pixel)];
                    for (int tap = 0; tap < taps.Count; tap++)
                    {
                        long at = taps.InputAt(b, o, pixel, tap);
                        if (at >= 0)
                        {
                            x[at] += value * weight[((long)o * taps.Count) + tap];
                        }
                    }
                }
            }
        }
    }

    /// <summary>
    /// The weights of one output channel in memory order (channel, row, column) and what they look at.
    /// </summary>
    private readonly struct ConvTaps(ConvShape shape)
    {
        public int Count => shape.GroupIn * shape.KernelHeight * shape.KernelWidth;

        /// <summary>Index of the input element under a tap, -1 in the padding.</summary>
        public long InputAt(int batch, int outChannel, int pixel, int tap)
        {
            int column = tap % shape.KernelWidth;
            int row = tap / shape.KernelWidth % shape.KernelHeight;
            int channel = (outChannel / shape.GroupOut * shape.GroupIn)
                + (tap / (shape.KernelWidth * shape.KernelHeight));
            int y = (pixel / shape.OutWidth * shape.Stride) - shape.Padding + row;
            int x = (pixel % shape.OutWidth * shape.Stride) - shape.Padding + column;
            return (uint)y < (uint)shape.InHeight && (uint)x < (uint)shape.InWidth
                ? (((((long)batch * shape.InChannels) + channel) * shape.InHeight) + y) * shape.InWidth + x
                : -1;
        }

        public long OutputAt(int batch, int outChannel, int pixel) =>
            ((((long)batch * shape.OutChannels) + outChannel) * shape.OutHeight * shape.OutWidth) + pixel;
    }
}
