using PixSearch.Abstractions;
using PixSearch.Training.Data;

namespace PixSearch.Training.Loading;

/// <summary>
/// More segmentation questions about a picture, from the masks that its samples list anyway. Encoding the picture is
/// most of a step's cost, so each further span is nearly free; with the data set's one or two spans a picture the masks
/// starve.
/// </summary>
internal static class ExtraSegments
{
    // Two things of one kind are called "on the left" and "on the right" only where nobody could doubt it.
    private const double ClearShare = 0.2;
    private const int SpansMax = 4;

    private static readonly string[] s_questions =
        ["Point out {0}.", "Show me {0}.", "Where can I see {0}?", "Mark {0} in the picture."];

    /// <summary>Up to <paramref name="count"/> questions that name all things that can be named, in different
    /// orders.</summary>
    /// <param name="like">Any sample of the picture.</param>
    /// <param name="count">How many.</param>
    /// <param name="random">Chooses order and words.</param>
    public static IEnumerable<Sample> Make(Sample like, int count, SeededRandom random)
    {
        (int Entity, string Phrase)[] named = [.. Names(like)];
        for (int i = 0; i < count && named.Length > 0; i++)
        {
            random.Shuffle<(int, string)>(named);
            int spans = Math.Min(named.Length, SpansMax);
            yield return Write(like, named.AsSpan(0, spans), $"{like.Id}-extra{i}",
                s_questions[random.NextInt(s_questions.Length)]);
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

    // "the drum" where there is one drum; "the drum on the left" where there are two that stand well apart.
    private static IEnumerable<(int Entity, string Phrase)> Names(Sample sample)
    {
        IReadOnlyList<SampleEntity> entities = sample.Entities;
        for (int i = 0; i < entities.Count; i++)
        {
            int[] same = [.. Enumerable.Range(0, entities.Count).Where(e => entities[e].Label == entities[i].Label)];
            if (same.Length == 1)
            {
                yield return (i, $"the {entities[i].Label}");
            }
            else if (same.Length == 2 && Side(sample, i, same[0] == i ? same[1] : same[0]) is { } side)
            {
                yield return (i, $"the {entities[i].Label} {side}");
            }
        }
    }

    private static string? Side(Sample sample, int entity, int other)
    {
        IReadOnlyList<int> a = sample.Entities[entity].Bbox;
        IReadOnlyList<int> b = sample.Entities[other].Bbox;
        if (a.Count < 4 || b.Count < 4)
        {
            return null;
        }

        double across = (a[0] + (a[2] / 2.0) - b[0] - (b[2] / 2.0)) / sample.Entities[entity].Mask.Size[1];
        double down = (a[1] + (a[3] / 2.0) - b[1] - (b[3] / 2.0)) / sample.Entities[entity].Mask.Size[0];
        bool isAcross = Math.Abs(across) > ClearShare && Math.Abs(across) > 2 * Math.Abs(down);
        bool isDown = Math.Abs(down) > ClearShare && Math.Abs(down) > 2 * Math.Abs(across);
        return isAcross ? (across < 0 ? "on the left" : "on the right")
            : isDown ? (down < 0 ? "at the top" : "at the bottom")
            : null;
    }
}
