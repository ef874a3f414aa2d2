namespace PixSearch.Tensors;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void UnaryCore(float* x, int count, UnaryOp op, float* y) =>
        _kernels.Unary(_context.Pool, x, count, op, y);

    /// <inheritdoc/>
    protected override void UnaryBackwardCore(float* x, float* y, float* dy, int count, UnaryOp op, float* dx) =>
        _kernels.UnaryBackward(_context.Pool, x, y, dy, count, op, dx);

    /// <inheritdoc/>
    protected override void AffineCore(float* x, int count, float scale, float shift, float* y) =>
        _kernels.Affine(_context.Pool, x, count, scale, shift, y);

    /// <inheritdoc/>
    protected override void AddIntoCore(float* x, int count, float* y) =>
        _kernels.Binary(_context.Pool, BinaryOp.Add, y, x, count, y);

    /// <inheritdoc/>
    private protected override void BinaryCore(BinaryOp op, float* a, float* b, StridedPlan plan, float* y)
    {
        if (plan.Rank == 1 && plan.StrideA(0) == 1 && plan.StrideB(0) == 1)
        {
            _kernels.Binary(_context.Pool, op, a, b, plan.Size(0), y);
        }
        else
        {
            _kernels.Broadcast(_context.Pool, op, a, b, plan, y);
        }
    }

    /// <inheritdoc/>
    protected override void SwiGluCore(float* gate, float* up, int count, float* y) =>
        _kernels.SwiGlu(_context.Pool, gate, up, count, y);

    /// <inheritdoc/>
    protected override void SwiGluBackwardCore(float* gate, float* up, float* dy, int count, float* dGate,
        float* dUp) =>
        _kernels.SwiGluBackward(_context.Pool, gate, up, dy, count, dGate, dUp);

    /// <inheritdoc/>
    protected override void CopyRowsCore(float* from, int fromStride, float* to, int toStride, int rows, int width) =>
        _kernels.CopyRows(_context.Pool, from, fromStride, to, toStride, rows, width, adds: false);

    /// <inheritdoc/>
    protected override void AddRowsCore(float* x, float* y, int yStride, int rows, int width) =>
        _kernels.CopyRows(_context.Pool, x, width, y, yStride, rows, width, adds: true);

    /// <inheritdoc/>
    private protected override void PermuteCore(float* x, StridedPlan plan, float* y) =>
        _kernels.Permute(_context.Pool, x, plan, y);

    /// <inheritdoc/>
    protected override void ColumnSumsCore(float* x, int rows, int columns, float* y) =>
        _kernels.ColumnSums(_context, x, rows, columns, y);

    /// <inheritdoc/>
    private protected override void SumToCore(float* x, StridedPlan plan, float* y)
    {
        int inner = plan.Rank - 1;
        int width = plan.Size(inner);
        if (plan.Rank == 2 && plan.StrideB(0) == 0 && plan.StrideB(1) == 1)
        {
            ColumnSumsCore(x, plan.Size(0), width, y);
            return;
        }

        int rows = plan.Count / width;
        for (int row = 0; row < rows; row++)
        {
            (long from, long to) = plan.RowOffsets(row);
            if (plan.StrideB(inner) == 0)
            {
                y[to] += _kernels.Sum(x + from, width);
            }
            else
            {
                AddIntoCore(x + from, width, y + to);
            }
        }
    }
}
