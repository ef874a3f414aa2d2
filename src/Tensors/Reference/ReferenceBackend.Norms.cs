namespace PixSearch.Tensors;

public unsafe partial class ReferenceBackend
{
    /// <inheritdoc/>
    protected override void RmsNormCore(float* x, int rows, int width, float* scale, float epsilon, float* y)
    {
        for (int row = 0; row < rows; row++, x += width, y += width)
        {
            double inverse = InverseRms(x, width, epsilon);
            for (int i = 0; i < width; i++)
            {
                y[i] = (float)(x[i] * inverse * scale[i]);
            }
        }
    }

    /// <inheritdoc/>
    protected override void RmsNormBackwardCore(float* x, int rows, int width, float* scale, float epsilon, float* dy,
        float* dx, float* dScale)
    {
        for (int row = 0; row < rows; row++, x += width, dy += width, dx += width)
        {
            // y = x r s with r = (mean(x^2) + eps)^(-1/2); dr/dx = -x r^3 / width.
            double inverse = InverseRms(x, width, epsilon);
            double dot = 0;
            for (int i = 0; i < width; i++)
            {
                dot += (double)dy[i] * scale[i] * x[i];
                if (dScale is not null)
                {
                    dScale[i] += (float)(dy[i] * x[i] * inverse);
                }
            }

            double back = dot * inverse * inverse * inverse / width;
            for (int i = 0; i < width; i++)
            {
                dx[i] = (float)(((double)dy[i] * scale[i] * inverse) - (x[i] * back));
            }
        }
    }

    /// <inheritdoc/>
    protected override void LayerNormCore(float* x, int rows, int width, float* scale, float* shift, float epsilon,
        float* y)
    {
        for (int row = 0; row < rows; row++, x += width, y += width)
        {
            (double mean, double inverse) = MeanAndInverse(x, width, 1, epsilon);
            for (int i = 0; i < width; i++)
            {
                y[i] = (float)(((x[i] - mean) * inverse * scale[i]) + shift[i]);
            }
        }
    }

    /// <inheritdoc/>
    protected override void LayerNormBackwardCore(float* x, int rows, int width, float* scale, float epsilon, float* dy,
        float* dx, float* dScale, float* dShift)
    {
        for (int row = 0; row < rows; row++, x += width, dy += width, dx += width)
        {
            // With n = (x - mean) r and g = dy s: dx = r (g - mean(g) - n mean(g n)).
            (double mean, double inverse) = MeanAndInverse(x, width, 1, epsilon);
            double sum = 0;
            double dot = 0;
            for (int i = 0; i < width; i++)
            {
                double normal = (x[i] - mean) * inverse;
                sum += (double)dy[i] * scale[i];
                dot += (double)dy[i] * scale[i] * normal;
                if (dScale is not null)
                {
                    dScale[i] += (float)(dy[i] * normal);
                }

                if (dShift is not null)
                {
                    dShift[i] += dy[i];
                }
            }

            for (int i = 0; i < width; i++)
            {
                double normal = (x[i] - mean) * inverse;
                dx[i] = (float)(inverse * (((double)dy[i] * scale[i]) - ((sum + (normal * dot)) / width)));
            }
        }
    }

    /// <inheritdoc/>
    protected override void ChannelNormCore(float* x, int batch, int channels, int pixels, float* scale, float* shift,
        float epsilon, float* y)
    {
        for (int b = 0; b < batch; b++)
        {
            for (int p = 0; p < pixels; p++)
            {
                long at = ((long)b * channels * pixels) + p;
                (double mean, double inverse) = MeanAndInverse(x + at, channels, pixels, epsilon);
                for (int c = 0; c < channels; c++)
                {
                    long i = at + ((long)c * pixels);
                    y[i] = (float)(((x[i] - mean) * inverse * scale[c]) + shift[c]);
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void ChannelNormBackwardCore(float* x, int batch, int channels, int pixels, float* scale,
        float epsilon, float* dy, float* dx, float* dScale, float* dShift)
    {
        // A pixel's channels as a row of their own: then it is LayerNorm.
        float[] rows = new float[3 * channels];
        fixed (float* row = rows)
        {
            for (int pixel = 0; pixel < batch * pixels; pixel++)
            {
                long at = ((long)(pixel / pixels) * channels * pixels) + (pixel % pixels);
                for (int c = 0; c < channels; c++)
                {
                    row[c] = x[at + ((long)c * pixels)];
                    row[channels + c] = dy[at + ((long)c * pixels)];
                }

                LayerNormBackwardCore(row, 1, channels, scale, epsilon, row + channels, row + (2 * channels), dScale,
                    dShift);
                for (int c = 0; c < channels; c++)
                {
                    dx[at + ((long)c * pixels)] = row[(2 * channels) + c];
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void SoftmaxCore(float* x, int rows, int width, float* y)
    {
        for (int row = 0; row < rows; row++, x += width, y += width)
        {
            float largest = float.NegativeInfinity;
            for (int i = 0; i < width; i++)
            {
                largest = Math.Max(largest, x[i]);
            }

            double sum = 0;
            for (int i = 0; i < width; i++)
            {
                sum += Math.Exp((double)x[i] - largest);
            }

            for (int i = 0; i < width; i++)
            {
                y[i] = (float)(Math.Exp((double)x[i] - largest) / sum);
            }
        }
    }

    /// <inheritdoc/>
    protected override void SoftmaxBackwardCore(float* y, float* dy, int rows, int width, float* dx)
    {
        for (int row = 0; row < rows; row++, y += width, dy += width, dx += width)
        {
            double dot = 0;
            for (int i = 0; i < width; i++)
            {
                dot += (double)y[i] * dy[i];
            }

            for (int i = 0; i < width; i++)
            {
                dx[i] = (float)(y[i] * (dy[i] - dot));
            }
        }
    }

    private static double InverseRms(float* x, int width, float epsilon)
    {
        double sum = 0;
        for (int i = 0; i < width; i++)
        {
            sum += (double)x[i] * x[i];
        }

        return 1 / Math.Sqrt((sum / width) + epsilon);
    }

    private static (double Mean, double Inverse) MeanAndInverse(float* x, int width, int stride, float epsilon)
    {
        double sum = 0;
        for (int i = 0; i < width; i++)
        {
            sum += x[(long)i * stride];
        }

        double mean = sum / width;
        double squares = 0;
        for (int i = 0; i < width; i++)
        {
            squares += (x[(long)i * stride] - mean) * (x[(long)i * stride] - mean);
        }

        return (mean, 1 / Math.Sqrt((squares / width) + epsilon));
    }
}
