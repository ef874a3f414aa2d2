using PixSearch.Abstractions;
using PixSearch.Training.Data.Scenes;

namespace PixSearch.Training.Data.Questions;

/// <summary>
/// A phrase for exactly one thing of a scene: "the flag left of the drum". A phrase is used only when it holds for its
/// thing by a clear margin and for no other thing with that label, near misses counting as holding.
/// </summary>
/// <param name="Text">The phrase, in lower case.</param>
/// <param name="Plain">True for "the drum": the label alone.</param>
internal sealed record ReferringExpression(string Text, bool Plain)
{
    // Pixels of a 384-pixel scene by which two things must differ before one is said to be left of the other.
    private const double Margin = 40;
    private const double SizeRatio = 1.6;

    /// <summary>All phrases that fit one thing and nothing else; empty when there is none.</summary>
    public static IReadOnlyList<ReferringExpression> For(SceneThing target, IReadOnlyList<SceneThing> things)
    {
        List<SceneThing> same = things.Where(thing => thing.Label == target.Label).ToList();
        List<SceneThing> others = same.Where(thing => thing != target).ToList();
        var result = new List<ReferringExpression>();
        string label = target.Label;
        if (others.Count == 0)
        {
            result.Add(new($"the {label}", Plain: true));
        }
        else
        {
            AddAmongSame(target, others, label, result);
        }

        foreach (SceneThing landmark in things)
        {
            bool unique = things.Count(thing => thing.Label == landmark.Label) == 1;
            if (landmark != target && unique)
            {
                AddBeside(target, others, landmark, result);
            }
        }

        return result;
    }

    private static void AddAmongSame(SceneThing target, List<SceneThing> others, string label,
        List<ReferringExpression> result)
    {
        void AddIf(bool holds, string text)
        {
            if (holds)
            {
                result.Add(new(text, Plain: false));
            }
        }

        AddIf(others.All(other => other.CenterX - target.CenterX > Margin), $"the {label} on the left");
        AddIf(others.All(other => target.CenterX - other.CenterX > Margin), $"the {label} on the right");
        AddIf(others.All(other => other.CenterY - target.CenterY > Margin), $"the {label} at the top");
        AddIf(others.All(other => target.CenterY - other.CenterY > Margin), $"the {label} at the bottom");
        AddIf(others.Count == 2 && others.Count(other => other.CenterX - target.CenterX > Margin) == 1
            && others.Count(other => target.CenterX - other.CenterX > Margin) == 1, $"the {label} in the middle");
        AddIf(others.All(other => target.Area > SizeRatio * other.Area), $"the largest {label}");
        AddIf(others.All(other => other.Area > SizeRatio * target.Area), $"the smallest {label}");
    }

    private static void AddBeside(SceneThing target, List<SceneThing> others, SceneThing landmark,
        List<ReferringExpression> result)
    {
        foreach ((string words, Func<SceneThing, double> lead) in Relations(landmark))
        {
            // Clearly so for the target, and clearly not (no near miss) for the others.
            if (lead(target) > Margin && others.All(other => lead(other) < 0))
            {
                result.Add(new($"the {target.Label} {words} the {landmark.Label}", Plain: false));
            }
        }
    }

    private static IEnumerable<(string Words, Func<SceneThing, double> Lead)> Relations(SceneThing landmark)
    {
        yield return ("left of", thing => landmark.CenterX - thing.CenterX);
        yield return ("right of", thing => thing.CenterX - landmark.CenterX);
        yield return ("above", thing => landmark.CenterY - thing.CenterY);
        yield return ("below", thing => thing.CenterY - landmark.CenterY);
    }

    /// <summary>One phrase at random: mostly the simplest kind that will do. Null when nothing fits.</summary>
    public static ReferringExpression? Choose(SceneThing target, IReadOnlyList<SceneThing> things, SeededRandom random)
    {
        IReadOnlyList<ReferringExpression> all = For(target, things);
        if (all.Count == 0)
        {
            return null;
        }

        ReferringExpression? plain = all.FirstOrDefault(phrase => phrase.Plain);
        return plain is not null && random.NextBool(0.6) ? plain : random.Pick(all);
    }
}
