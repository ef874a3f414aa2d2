using PixSearch.Abstractions;
using PixSearch.Imaging.Masks;
using PixSearch.Training.Data;
using PixSearch.Training.Data.Questions;
using PixSearch.Training.Data.Scenes;

namespace PixSearch.Training.Loading;

/// <summary>
/// More segmentation questions about a picture, from the masks that its samples list anyway. Encoding the picture is
/// most of a step's cost, so each further span is nearly free; with the data set's one or two spans a picture the masks
/// starve.
/// </summary>
internal static class ExtraSegments
{
    // Sizes are compared by few questions of the data sets, and are what masks are wrong about most.
    private const double SizeShare = 0.5;
    private const int SpansMax = 4;

    private static readonly string[] s_questions =
        ["Point out {0}.", "Show me {0}.", "Where can I see {0}?", "Mark {0} in the picture."];

    /// <summary>Up to <paramref name="count"/> questions that name all things that can be named, in different
    /// words and orders.</summary>
    /// <param name="like">Any sample of the picture.</param>
    /// <param name="count">How many.</param>
    /// <param name="random">Chooses order and words.</param>
    public static IEnumerable<Sample> Make(Sample like, int count, SeededRandom random)
    {
        Placed[] things = [.. like.Entities.Select(Place)];
        for (int i = 0; i < count; i++)
        {
            (int Entity, string Phrase)[] named = [.. Names(things, random)];
            random.Shuffle<(int, string)>(named);
            if (named.Length > 0)
            {
                yield return Write(like, named.AsSpan(0, Math.Min(named.Length, SpansMax)), $"{like.Id}-extra{i}",
                    s_questions[random.NextInt(s_questions.Length)]);
            }
        }
    }

    private static Sample Write(Sample like, ReadOnlySpan<(int Entity, string Phrase)> named, string id,
        string question)
    {
        string list = "";
        var spans = new List<SampleSpan>();
        for (int i = 0; i < named.Length; i++)
        {
            list += i == 0 ? "" : i == named.Length - 1 ? " and " : ", ";
            spans.Add(new SampleSpan(list.Length, list.Length + named[i].Phrase.Length, named[i].Entity));
            list += named[i].Phrase;
        }

        return like with
        {
            Id = id,
            Stage = 1,
            Kind = "segment",
            Question = string.Format(System.Globalization.CultureInfo.InvariantCulture, question, list),
            Trajectory = $"T{list[1..]}.",
            Spans = spans,
        };
    }

    private static IEnumerable<(int Entity, string Phrase)> Names(Placed[] things, SeededRandom random)
    {
        for (int i = 0; i < things.Length; i++)
        {
            if (ReferringExpression.Choose(things[i], things, random, SizeShare) is { } phrase)
            {
                yield return (i, phrase.Text);
            }
        }
    }

    private static Placed Place(SampleEntity entity)
    {
        IReadOnlyList<int> box = entity.Bbox;
        return new Placed(entity.Label, box[0] + (box[2] / 2.0), box[1] + (box[3] / 2.0),
            RleCodec.Area(entity.Mask.ToRle()));
    }

    private sealed record Placed(string Label, double CenterX, double CenterY, long Area) : IPlacedThing;
}
