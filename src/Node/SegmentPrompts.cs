using PixSearch.Abstractions;
using PixSearch.Models.Families;
using PixSearch.Models.Sam;

namespace PixSearch.Node;

/// <summary>The points and boxes of a request as SAM takes them.</summary>
internal static class SegmentPrompts
{
    /// <summary>One prompt a point set, then one a box.</summary>
    /// <exception cref="PixException">InvalidArgument: a set is empty, or something lies outside.</exception>
    public static IReadOnlyList<SamPrompt> Of(SegmentRequest request, int width, int height)
    {
        var prompts = new List<SamPrompt>();
        foreach (IReadOnlyList<SegmentPoint> set in request.Points)
        {
            if (set.Count == 0)
            {
                throw Refused($"point set {prompts.Count + 1} is empty");
            }

            prompts.Add(new SamPrompt([.. set.Select(point => Check(point, width, height))], []));
        }

        foreach (PixelBox box in request.Boxes)
        {
            bool inside = box is { X: >= 0, Y: >= 0, Width: > 0, Height: > 0 }
                && (long)box.X + box.Width <= width && (long)box.Y + box.Height <= height;
            prompts.Add(inside
                ? new SamPrompt([], [new SamBox(box.X, box.Y, box.X + box.Width, box.Y + box.Height)])
                : throw Refused($"the box [{box.X}, {box.Y}, {box.Width}, {box.Height}] (x, y, width, height) is empty "
                    + $"or not within the picture, which is {width}x{height}"));
        }

        return prompts;
    }

    private static SamPoint Check(SegmentPoint point, int width, int height) =>
        point.X >= 0 && point.X <= width && point.Y >= 0 && point.Y <= height
            ? new SamPoint(point.X, point.Y, point.Foreground)
            : throw Refused(string.Create(System.Globalization.CultureInfo.InvariantCulture,
                $"the point ({point.X}, {point.Y}) is not within the picture, which is {width}x{height}"));

    private static PixException Refused(string what) => new(PixErrorKind.InvalidArgument, $"A prompt is bad: {what}.");
}
