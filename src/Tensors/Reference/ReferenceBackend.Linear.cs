namespace PixSearch.Tensors;

public unsafe partial class ReferenceBackend
{
    /// <inheritdoc/>
    protected override void LinearCore(float* x, int rows, Weight weight, float* bias, float* y)
    {
        (int output, int input) = (weight.Shape[0], weight.Shape[1]);
        using Tensor plain = Use(weight);
        float* w = Pointer("Linear", plain);
        for (int row = 0; row < rows; row++)
        {
            for (int o = 0; o < output; o++)
            {
                double sum = bias is null ? 0 : bias[o];
                for (int i = 0; i < input; i++)
                {
                    sum += (double)x[((long)row * input) + i] * w[((long)o * input) + i];
                }

                y[((long)row * output) + o] = (float)sum;
            }
        }
    }

    /// <inheritdoc/>
    protected override void LinearBackwardInputCore(float* dy, int rows, Weight weight, float* dx)
    {
        (int output, int input) = (weight.Shape[0], weight.Shape[1]);
        using Tensor plain = Use(weight);
        var shape = new GemmShape(rows, input, output);
        GemmCore(shape, new GemmOperand(dy, output, false),
            new GemmOperand(Pointer("LinearBackwardInput", plain), input, false),
            dx, input, accumulate: false);
    }

    /// <inheritdoc/>
    private protected override void GemmCore(GemmShape shape, GemmOperand a, GemmOperand b, float* c, int ldc,
        bool accumulate)
    {
        for (int m = 0; m < shape.M; m++)
        {
            for (int n = 0; n < shape.N; n++)
            {
                double sum = accumulate ? c[((long)m * ldc) + n] : 0;
                for (int k = 0; k < shape.K; k++)
                {
                    float left = a.Transposed ? a.Pointer[((long)k * a.Stride) + m]
                        : a.Pointer[((long)m * a.Stride) + k];
                    float right = b.Transposed ? b.Pointer[((long)n * b.Stride) + k]
                        : b.Pointer[((long)k * b.Stride) + n];
                    sum += (double)left * right;
                }

                c[((long)m * ldc) + n] = (float)sum;
            }
        }
    }

    /// <inheritdoc/>
    private protected override void BatchedGemmCore(int batch, GemmShape shape, GemmOperand a, long stepA,
        GemmOperand b, long stepB, float* c)
    {
        for (int i = 0; i < batch; i++)
        {
            GemmCore(shape, a.Plus(i * stepA), b.Plus(i * stepB), c + ((long)i * shape.M * shape.N), shape.N,
                accumulate: false);
        }
    }

    /// <inheritdoc/>
    protected override void ColumnSumsCore(float* x, int rows, int columns, float* y)
    {
        for (int column = 0; column < columns; column++)
        {
            double sum = 0;
            for (int row = 0; row < rows; row++)
            {
                sum += x[((long)row * columns) + column];
            }

            y[column] += (float)sum;
        }
    }
}
