namespace PixSearch.Tensors;

/// <summary>
/// Where one output position of a resize samples along one axis: <c>first * (1 - Weight) + second * Weight</c>.
/// </summary>
internal readonly record struct ResizeTap(int First, int Second, float Weight)
{
    /// <summary>
    /// The tap of output position <paramref name="index"/>, half-pixel centres, clamped at the border.
    /// </summary>
    public static ResizeTap At(int index, int source, int result, ResizeMode mode)
    {
        if (mode == ResizeMode.Nearest)
        {
            int nearest = (int)Math.Min((long)index * source / result, source - 1);
            return new ResizeTap(nearest, nearest, 0);
        }

        double position = Math.Max(((index + 0.5) * source / result) - 0.5, 0);
        int first = Math.Min((int)position, source - 1);
        return new ResizeTap(first, Math.Min(first + 1, source - 1), (float)(position - first));
    }
}
