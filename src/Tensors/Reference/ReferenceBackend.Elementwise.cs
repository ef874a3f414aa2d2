namespace PixSearch.Tensors;

public unsafe partial class ReferenceBackend
{
    /// <inheritdoc/>
    private protected override void BinaryCore(BinaryOp op, float* a, float* b, StridedPlan plan, float* y)
    {
        int width = plan.Size(plan.Rank - 1);
        int stepA = plan.StrideA(plan.Rank - 1);
        int stepB = plan.StrideB(plan.Rank - 1);
        int rows = plan.Count / width;
        for (int row = 0; row < rows; row++, y += width)
        {
            (long offsetA, long offsetB) = plan.RowOffsets(row);
            for (int i = 0; i < width; i++)
            {
                float left = a[offsetA + ((long)i * stepA)];
                float right = b[offsetB + ((long)i * stepB)];
                y[i] = op switch
                {
                    BinaryOp.Add => left + right,
                    BinaryOp.Subtract => left - right,
                    _ => left * right,
                };
            }
        }
    }

    /// <inheritdoc/>
    protected override void AffineCore(float* x, int count, float scale, float shift, float* y)
    {
        for (int i = 0; i < count; i++)
        {
            y[i] = (x[i] * scale) + shift;
        }
    }

    /// <inheritdoc/>
    protected override void AddIntoCore(float* x, int count, float* y)
    {
        for (int i = 0; i < count; i++)
        {
            y[i] += x[i];
        }
    }

    /// <inheritdoc/>
    protected override void UnaryCore(float* x, int count, UnaryOp op, float* y)
    {
        for (int i = 0; i < count; i++)
        {
            y[i] = (float)ScalarMath.Apply(op, x[i]);
        }
    }

    /// <inheritdoc/>
    protected override void UnaryBackwardCore(float* x, float* y, float* dy, int count, UnaryOp op, float* dx)
    {
        for (int i = 0; i < count; i++)
        {
            dx[i] = (float)(ScalarMath.Derivative(op, x[i], y[i]) * dy[i]);
        }
    }

    /// <inheritdoc/>
    protected override void SwiGluCore(float* gate, float* up, int count, float* y)
    {
        for (int i = 0; i < count; i++)
        {
            y[i] = (float)(ScalarMath.Apply(UnaryOp.Silu, gate[i]) * up[i]);
        }
    }

    /// <inheritdoc/>
    protected override void SwiGluBackwardCore(float* gate, float* up, float* dy, int count, float* dGate, float* dUp)
    {
        for (int i = 0; i < count; i++)
        {
            double silu = ScalarMath.Apply(UnaryOp.Silu, gate[i]);
            dGate[i] = (float)(ScalarMath.Derivative(UnaryOp.Silu, gate[i], silu) * up[i] * dy[i]);
            dUp[i] = (float)(silu * dy[i]);
        }
    }

    /// <inheritdoc/>
    private protected override void SumToCore(float* x, StridedPlan plan, float* y)
    {
        int width = plan.Size(plan.Rank - 1);
        int step = plan.StrideB(plan.Rank - 1);
        int rows = plan.Count / width;
        for (int row = 0; row < rows; row++)
        {
            (long from, long to) = plan.RowOffsets(row);
            double sum = 0;
            for (int i = 0; i < width; i++)
            {
                if (step == 0)
                {
                    sum += x[from + i];
                }
                else
                {
                    y[to + ((long)i * step)] += x[from + i];
                }
            }

            if (step == 0)
            {
                y[to] += (float)sum;
            }
        }
    }
}
