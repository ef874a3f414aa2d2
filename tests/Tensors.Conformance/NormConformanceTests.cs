namespace PixSearch.Tensors.Conformance;

public sealed class NormConformanceTests
{
    [ConformanceFact]
    public void Norms_AllWidths_EqualReference()
    {
        foreach (int width in Conformance.Sizes.Append(700))
        {
            Conformance.Check($"Norms {width}", (ulong)width, (b, n) =>
            {
                using Weight scale = n.Weight(b, width);
                using Weight shift = n.Weight(b, width);
                Tensor x = n.Tensor(b, 2, 37, width);
                Tensor dy = n.Tensor(b, 2, 37, width);
                Tensor dScale = n.Tensor(b, width);
                Tensor dShift = n.Tensor(b, width);
                Tensor dRms = n.Tensor(b, width);
                return
                [
                    b.RmsNorm(x, scale, 1e-2f), b.LayerNorm(x, scale, shift, 1e-2f), b.Softmax(x),
                    b.RmsNormBackward(x, scale, 1e-2f, dy, dRms),
                    b.LayerNormBackward(x, scale, 1e-2f, dy, dScale, dShift),
                    b.LayerNormBackward(x, scale, 1e-2f, dy, null, null), b.SoftmaxBackward(b.Softmax(x), dy), dScale,
                    dShift, dRms,
                ];
            });
        }
    }

    [ConformanceTheory]
    [InlineData(1, 3, 5, 7)]
    [InlineData(2, 16, 8, 8)]
    [InlineData(3, 33, 1, 3)]
    [InlineData(20, 4, 10, 13)]   // more pictures than chunks of the gradients' sums; two blocks and a rest
    [InlineData(2, 130, 20, 17)]
    public void ChannelNorm_Pictures_EqualReference(int batch, int channels, int height, int width) =>
        Conformance.Check("ChannelNorm", 9, (b, n) =>
        {
            using Weight scale = n.Weight(b, channels);
            using Weight shift = n.Weight(b, channels);
            Tensor x = n.Tensor(b, batch, channels, height, width);
            Tensor dy = n.Tensor(b, batch, channels, height, width);
            Tensor dScale = n.Tensor(b, channels);
            Tensor dShift = n.Tensor(b, channels);
            return
            [
                b.ChannelNormBackward(x, scale, 1e-3f, dy, null, null),
                b.ChannelNorm(x, scale, shift, 1e-3f), b.ChannelNormBackward(x, scale, 1e-3f, dy, dScale, dShift),
                dScale, dShift,
            ];
        });
}
