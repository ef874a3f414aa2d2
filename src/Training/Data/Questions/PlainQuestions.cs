using PixSearch.Abstractions;
using PixSearch.Training.Data.Scenes;

namespace PixSearch.Training.Data.Questions;

/// <summary>Questions that the picture alone answers: where things are, how many, what colour, on which side.</summary>
internal sealed class PlainQuestions
{
    private const int ThingsMax = 4;
    private const double SideMargin = 60;

    private static readonly string[] s_segment =
    [
        "Point out {list}.",
        "Segment {list}.", "Show me {list}.", "Mark {list} in the picture.", "Where can I see {list}?",
        "Outline {list}.",
    ];

    /// <summary>"Point out the flag on the left and the drum."</summary>
    public Draft? Segment(Scene scene, SeededRandom random)
    {
        int[] order = Enumerable.Range(0, scene.Things.Count).ToArray();
        random.Shuffle<int>(order);
        int count = random.NextInt(1, Math.Min(ThingsMax, order.Length) + 1);
        var phrases = new List<string>();
        var targets = new List<int>();
        foreach (int index in order)
        {
            ReferringExpression? phrase = ReferringExpression.Choose(scene.Things[index], scene.Things, random);
            if (phrase is not null && phrases.Count < count)
            {
                phrases.Add(phrase.Text);
                targets.Add(index);
            }
        }

        if (phrases.Count == 0)
        {
            return null;
        }

        string list = Phrases.List(phrases);
        var text = new TrajectoryText();
        for (int i = 0; i < phrases.Count; i++)
        {
            text.Add(i == 0 ? "" : i == phrases.Count - 1 ? " and " : ", ");
            text.AddSpan(i == 0 ? Phrases.Capital(phrases[i]) : phrases[i], targets[i]);
        }

        text.Add(".");
        string question = random.Pick(s_segment).Replace("{list}", list, StringComparison.Ordinal);
        return new Draft("segment", question, Phrases.Capital(list), [list], targets, text);
    }

    /// <summary>Colour, count or position.</summary>
    public Draft? None(Scene scene, SeededRandom random) => random.NextInt(3) switch
    {
        0 => Colour(scene, random),
        1 => Count(scene, random),
        _ => Side(scene, random),
    };

    private static Draft? Colour(Scene scene, SeededRandom random)
    {
        int index = random.NextInt(scene.Things.Count);
        SceneThing thing = scene.Things[index];
        ReferringExpression? phrase = ReferringExpression.Choose(thing, scene.Things, random);
        if (thing.Colour is null || phrase is null)
        {
            return null;
        }

        string question = random.Pick<string>(
            ["What colour is {ref}?", "Which colour does {ref} have?", "Tell me the colour of {ref}."]);
        TrajectoryText text = new TrajectoryText().AddSpan(Phrases.Capital(phrase.Text), index)
            .Add($" is {thing.Colour}.");
        string[] variants = thing.Colour == "gray" ? ["gray", "grey"] : [thing.Colour];
        return new Draft("none", Phrases.Fill(question, phrase.Text), thing.Colour, variants, [index], text);
    }

    private static Draft? Count(Scene scene, SeededRandom random)
    {
        string label = random.Pick(scene.Things).Label;
        List<int> indices = Enumerable.Range(0, scene.Things.Count).Where(i => scene.Things[i].Label == label).ToList();
        string number = Phrases.Number(indices.Count);
        string plural = Phrases.Plural(label);
        string question = random.Pick<string>(
            [$"How many {plural} are there?",
                $"How many {plural} can you see?", $"Count the {plural} in the picture."]);
        var text = new TrajectoryText();
        text.Add(indices.Count == 1 ? $"There is one {label}." : $"There are {number} {plural}.");
        return new Draft("none", question, number, [number, $"{indices.Count}"], indices, text);
    }

    private static Draft? Side(Scene scene, SeededRandom random)
    {
        if (scene.Things.Count < 2)
        {
            return null;
        }

        int first = random.NextInt(scene.Things.Count), second = random.NextInt(scene.Things.Count);
        SceneThing a = scene.Things[first], b = scene.Things[second];
        bool unique = scene.Things.Count(thing => thing.Label == a.Label) == 1
            && scene.Things.Count(thing => thing.Label == b.Label) == 1;
        double ahead = b.CenterX - a.CenterX;
        if (first == second || !unique || Math.Abs(ahead) < SideMargin)
        {
            return null;
        }

        string side = ahead > 0 ? "left" : "right";
        string question = random.Pick<string>(
        [
            $"Is the {a.Label} left or right of the {b.Label}?",
            $"On which side of the {b.Label} is the {a.Label}?",
        ]);
        TrajectoryText text = new TrajectoryText().AddSpan($"The {a.Label}", first).Add($" is {side} of ")
            .AddSpan($"the {b.Label}", second).Add(".");
        return new Draft("none", question, side, [side], [first, second], text);
    }
}
