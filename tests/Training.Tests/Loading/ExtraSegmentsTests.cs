using PixSearch.Abstractions;
using PixSearch.Imaging.Masks;
using PixSearch.Training.Data;
using PixSearch.Training.Loading;

namespace PixSearch.Training.Tests.Loading;

/// <summary>Goal: further segmentation questions of a picture name each thing by words that fit it alone.</summary>
public sealed class ExtraSegmentsTests
{
    [Fact]
    public void Make_TwoOfAKind_AreToldApartBySizeAndBySide()
    {
        Sample like = Scene(("flag", 40, 100, 90), ("flag", 300, 110, 30), ("drum", 180, 300, 40));

        var found = new HashSet<(int, string)>();
        foreach (Sample extra in ExtraSegments.Make(like, 200, new SeededRandom(7)))
        {
            Assert.Equal((1, 3), (extra.Stage, extra.Spans.Count));
            found.UnionWith(extra.Spans.Select(span =>
                (span.Entity, extra.Trajectory[span.Start..span.End].ToLowerInvariant())));
        }

        Assert.Superset(
            new HashSet<(int, string)>
            {
                (0, "the largest flag"), (0, "the flag on the left"), (1, "the smallest flag"),
                (1, "the flag on the right"), (2, "the drum"),
            },
            found);
        Assert.All(found, one => Assert.Equal(one.Item1 < 2, one.Item2.StartsWith("the flag", StringComparison.Ordinal)
            || one.Item2.EndsWith("flag", StringComparison.Ordinal)));
    }

    [Fact]
    public void Make_NothingCanBeToldApart_GivesNothing() =>
        Assert.Empty(ExtraSegments.Make(Scene(("flag", 100, 100, 40), ("flag", 120, 110, 40)), 3, new SeededRandom(7)));

    private static Sample Scene(params (string Label, int X, int Y, int Side)[] things) => new()
    {
        Id = "s-0",
        Scene = "s",
        Split = "train",
        Image = "s.jpg",
        Width = 384,
        Height = 384,
        View = "non-ego",
        Stage = 1,
        Kind = "segment",
        Question = "",
        Answer = "",
        Variants = [],
        Target = [],
        Trajectory = "",
        Spans = [],
        Searches = [],
        Entities = [.. things.Select((thing, i) => Entity(i, thing.Label, thing.X, thing.Y, thing.Side))],
    };

    private static SampleEntity Entity(int id, string label, int x, int y, int side)
    {
        var mask = new BinaryMask(384, 384);
        for (int row = y; row < y + side && row < 384; row++)
        {
            mask.Bits.Slice((row * 384) + x, Math.Min(side, 384 - x)).Fill(1);
        }

        RleMask rle = RleCodec.Encode(mask);
        return new SampleEntity($"e{id}", $"e{id}", label, [x, y, side, side],
            new SampleMask([rle.Height, rle.Width], rle.Counts));
    }
}
