namespace PixSearch.Models.Preprocessing;

/// <summary>
/// Mean and standard deviation of the colours R, G, B that a model was trained with, for samples of 0..1:
/// <c>(byte / 255 - mean) / deviation</c>.
/// </summary>
public sealed record PixelNormalization
{
    private readonly float[] _mean;
    private readonly float[] _deviation;
    private readonly float[] _table = new float[3 * 256];

    private PixelNormalization(float[] mean, float[] deviation)
    {
        (_mean, _deviation) = (mean, deviation);
        for (int i = 0; i < _table.Length; i++)
        {
            _table[i] = Apply((byte)i, i / 256);
        }
    }

    /// <summary>OpenAI's CLIP (LLaVA, LISA, PLUM, EVE).</summary>
    public static PixelNormalization Clip { get; } =
        new([0.48145466f, 0.4578275f, 0.40821073f], [0.26862954f, 0.26130258f, 0.27577711f]);

    /// <summary>
    /// Segment Anything: 123.675, 116.28, 103.53 and 58.395, 57.12, 57.375 on 0..255. PixelLM uses it for CLIP too.
    /// </summary>
    public static PixelNormalization Sam { get; } =
        new([123.675f / 255, 116.28f / 255, 103.53f / 255], [58.395f / 255, 57.12f / 255, 57.375f / 255]);

    /// <summary>torchvision's ImageNet values (Pixel-SAIL on SOLO).</summary>
    public static PixelNormalization ImageNet { get; } = new([0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f]);

    /// <summary>Means of R, G, B.</summary>
    public ReadOnlySpan<float> Mean => _mean;

    /// <summary>Deviations of R, G, B.</summary>
    public ReadOnlySpan<float> Deviation => _deviation;

    /// <summary><see cref="Apply"/> of every sample of a colour. Shape: [256].</summary>
    internal ReadOnlySpan<float> Table(int colour) => _table.AsSpan(colour * 256, 256);

    /// <summary>One sample of a colour (0, 1, 2), normalised.</summary>
    public float Apply(byte sample, int colour) => ((sample / 255f) - _mean[colour]) / _deviation[colour];
}
