namespace PixSearch.Tensors.Conformance;

public sealed class PictureConformanceTests
{
    [ConformanceTheory]
    [InlineData(1, 3, 16, 16, 8, 4, 4, 4, 0, 1)]
    [InlineData(2, 3, 9, 11, 5, 3, 3, 1, 1, 1)]
    [InlineData(1, 4, 8, 7, 6, 1, 1, 1, 0, 1)]
    [InlineData(2, 6, 10, 10, 9, 3, 2, 2, 1, 3)]
    [InlineData(1, 8, 9, 9, 8, 5, 5, 1, 2, 8)]
    [InlineData(2, 16, 20, 20, 33, 3, 3, 1, 1, 1)]
    [InlineData(1, 2, 1, 1, 3, 5, 5, 1, 2, 1)]
    [InlineData(1, 2, 2, 1, 3, 5, 5, 3, 2, 1)]
    [InlineData(2, 3, 2, 3, 3, 7, 7, 2, 3, 3)]
    [InlineData(2, 45, 16, 16, 25, 3, 3, 1, 1, 1)]   // 405 taps: two slices; rows of half a panel
    [InlineData(1, 50, 5, 33, 13, 3, 3, 1, 0, 1)]
    [InlineData(3, 40, 13, 31, 30, 1, 1, 1, 0, 1)]   // a plane of 403 pixels: two slices of the weight's gradient
    [InlineData(5, 3, 32, 32, 24, 16, 16, 16, 0, 1)]
    [InlineData(1, 3, 48, 72, 14, 24, 24, 24, 0, 1)]
    [InlineData(2, 4, 34, 70, 17, 2, 2, 2, 0, 1)]
    [InlineData(1, 4, 17, 9, 5, 2, 2, 3, 0, 1)]      // pixels between the patches that nobody sees
    [InlineData(1, 12, 70, 6, 12, 3, 3, 1, 2, 2)]
    [InlineData(1, 2, 3, 70, 5, 3, 3, 1, 1, 1)]      // lines longer than the buffer that turns them
    public void Conv2d_ForwardAndBackward_EqualReference(int batch, int input, int height, int width, int output,
        int kernelHeight,
        int kernelWidth, int stride, int padding, int groups) => Conformance.Check("Conv2d", 31, (b, n) =>
    {
        using Weight weight = n.Weight(b, output, input / groups, kernelHeight, kernelWidth);
        using Weight bias = n.Weight(b, output);
        Tensor x = n.Tensor(b, batch, input, height, width);
        Tensor y = b.Conv2d(x, weight, bias, stride, padding, groups);
        Tensor dWeight = n.Tensor(b, output, input / groups, kernelHeight, kernelWidth);
        Tensor dBias = n.Tensor(b, output);
        Tensor dy = n.Tensor(b, y.Size(0), y.Size(1), y.Size(2), y.Size(3));
        Tensor dWeightAlone = n.Tensor(b, output, input / groups, kernelHeight, kernelWidth);
        Tensor dBiasAlone = n.Tensor(b, output);
        b.Conv2dBackwardWeight(x, weight, stride, padding, groups, dy, dWeightAlone, dBiasAlone);
        return
        [
            dWeightAlone, dBiasAlone, y, b.Conv2d(x, weight, null, stride, padding, groups),
            b.Conv2dBackward(x, weight, stride, padding, groups, dy, dWeight, dBias), dWeight, dBias,
        ];
    });

    [ConformanceTheory]
    [InlineData(1, 3, 4, 5, 2, 2, 2)]
    [InlineData(2, 16, 8, 8, 9, 2, 2)]
    [InlineData(1, 4, 3, 3, 5, 3, 2)]
    [InlineData(1, 4, 3, 3, 5, 2, 3)]
    [InlineData(2, 400, 5, 9, 7, 2, 2)]
    [InlineData(1, 7, 3, 40, 5, 4, 4)]
    public void ConvTranspose2d_ForwardAndBackward_EqualReference(int batch, int input, int height, int width,
        int output, int kernel, int stride) => Conformance.Check("ConvTranspose2d", 32, (b, n) =>
    {
        using Weight weight = n.Weight(b, input, output, kernel, kernel);
        using Weight bias = n.Weight(b, output);
        Tensor x = n.Tensor(b, batch, input, height, width);
        Tensor y = b.ConvTranspose2d(x, weight, bias, stride);
        Tensor dWeight = n.Tensor(b, input, output, kernel, kernel);
        Tensor dBias = n.Tensor(b, output);
        Tensor dy = n.Tensor(b, y.Size(0), y.Size(1), y.Size(2), y.Size(3));
        return [y, b.ConvTranspose2d(x, weight, null, stride),
            b.ConvTranspose2dBackward(x, weight, stride, dy, dWeight, dBias), dWeight, dBias];
    });

    [ConformanceTheory]
    [InlineData(5, 7, 20, 28)]
    [InlineData(16, 16, 64, 64)]
    [InlineData(9, 8, 4, 3)]
    [InlineData(9, 40, 23, 17)]   // higher and narrower
    [InlineData(9, 4, 7, 50)]
    [InlineData(1, 1, 3, 5)]
    [InlineData(6, 6, 6, 6)]
    public void Resize_BothModes_EqualReference(int height, int width, int toHeight, int toWidth)
    {
        foreach (ResizeMode mode in Enum.GetValues<ResizeMode>())
        {
            Conformance.Check($"Resize {mode}", 33, (b, n) =>
            {
                Tensor x = n.Tensor(b, 2, 3, height, width);
                return [b.Resize(x, toHeight, toWidth, mode),
                    b.ResizeBackward(n.Tensor(b, 2, 3, toHeight, toWidth), x.Shape, mode)];
            });
        }
    }
}
