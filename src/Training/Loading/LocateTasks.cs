using PixSearch.Abstractions;
using PixSearch.Training.Data;

namespace PixSearch.Training.Loading;

/// <summary>
/// Questions that are answered with coordinates in text, made of the phrases and masks that a picture's samples have
/// anyway: "Locate the hat and the flag on the left." "The hat f k c b and the flag on the left b c e d." The letters
/// are centre x, centre y, width and height in sixteenths of the picture, a to p. A phrase's last state must know where
/// the thing is, and that state is what the mask query is made of (cf. boxes as text: Shikra, arXiv 2306.15195).
/// </summary>
internal static class LocateTasks
{
    /// <summary>What such samples have in <see cref="PreparedSample.Stage"/>.</summary>
    public const int Stage = 0;

    private const int Levels = 16;
    private const int PhrasesMax = 4;

    /// <summary>Up to <paramref name="count"/> questions about one picture.</summary>
    /// <param name="samples">All samples of the picture, in any order.</param>
    /// <param name="count">How many.</param>
    /// <param name="random">Chooses phrases and order.</param>
    public static IEnumerable<Sample> Make(IReadOnlyList<Sample> samples, int count, SeededRandom random)
    {
        (int Entity, string Phrase)[] named = [.. Phrases(samples)];
        for (int i = 0; i < count; i++)
        {
            // The last question is about everything, named or not, from left to right.
            bool everything = i == count - 1 || named.Length == 0;
            random.Shuffle<(int, string)>(named);
            yield return everything
                ? Write(samples[0], Everything(samples[0]), "Locate everything.", i)
                : Write(samples[0], named[..Math.Min(named.Length, random.NextInt(1, PhrasesMax + 1))], null, i);
        }
    }

    private static Sample Write(Sample like, (int Entity, string Phrase)[] named, string? question, int number)
    {
        string text = "";
        var spans = new List<SampleSpan>();
        for (int i = 0; i < named.Length; i++)
        {
            text += i == 0 ? "" : i == named.Length - 1 ? " and " : ", ";
            spans.Add(new SampleSpan(text.Length, text.Length + named[i].Phrase.Length, named[i].Entity));
            text += named[i].Phrase + Place(like, like.Entities[named[i].Entity]);
        }

        string list = string.Join(" and ", named.Select(name => name.Phrase));
        return like with
        {
            Id = $"{like.Id}-locate{number}",
            Stage = Stage,
            Kind = "locate",
            Question = question ?? $"Locate {list}.",
            Trajectory = char.ToUpperInvariant(text[0]) + text[1..] + ".",
            Spans = spans,
        };
    }

    private static (int Entity, string Phrase)[] Everything(Sample sample) =>
    [
        .. Enumerable.Range(0, sample.Entities.Count).OrderBy(i => sample.Entities[i].Bbox[0])
            .Select(i => (i, $"the {sample.Entities[i].Label}")),
    ];

    private static string Place(Sample sample, SampleEntity entity)
    {
        IReadOnlyList<int> box = entity.Bbox;
        double side = Math.Max(sample.Width, sample.Height);
        return $" {Level((box[0] + (box[2] / 2.0)) / side)} {Level((box[1] + (box[3] / 2.0)) / side)}"
            + $" {Level(box[2] / side)} {Level(box[3] / side)}";
    }

    private static char Level(double share) => (char)('a' + Math.Clamp((int)(share * Levels), 0, Levels - 1));

    private static IEnumerable<(int Entity, string Phrase)> Phrases(IReadOnlyList<Sample> samples) =>
        samples.SelectMany(sample => sample.Spans.Select(span => (span.Entity, Phrase: Small(sample, span))))
            .Distinct()
            .OrderBy(pair => pair.Entity).ThenBy(pair => pair.Phrase, StringComparer.Ordinal);

    private static string Small(Sample sample, SampleSpan span)
    {
        string phrase = sample.Trajectory[span.Start..span.End];
        return char.ToLowerInvariant(phrase[0]) + phrase[1..];
    }
}
