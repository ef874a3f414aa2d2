using PixSearch.Abstractions;
using PixSearch.Training.Data.Scenes;

namespace PixSearch.Training.Data.Questions;

/// <summary>
/// A phrase for exactly one thing of a scene: "the flag left of the drum". A phrase is used only when it holds for its
/// thing by a clear margin and for no other thing with that label, near misses counting as holding.
/// </summary>
/// <param name="Text">The phrase, in lower case.</param>
/// <param name="Plain">True for "the drum": the label alone.</param>
/// <param name="BySize">True for "the largest" and "the smallest".</param>
internal sealed record ReferringExpression(string Text, bool Plain, bool BySize = false)
{
    // Pixels of a 384-pixel scene by which two things must differ before one is said to be left of the other.
    private const double Margin = 40;
    private const double SizeRatio = 1.6;

    /// <summary>All phrases that fit one thing and nothing else; empty when there is none.</summary>
    public static IReadOnlyList<ReferringExpression> For(IPlacedThing target, IReadOnlyList<IPlacedThing> things)
    {
        List<IPlacedThing> same = things.Where(thing => thing.Label == target.Label).ToList();
        List<IPlacedThing> others = same.Where(thing => thing != target).ToList();
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

        foreach (IPlacedThing landmark in things)
        {
            bool unique = things.Count(thing => thing.Label == landmark.Label) == 1;
            if (landmark != target && unique)
            {
                AddBeside(target, others, landmark, result);
            }
        }

        return result;
    }

    private static void AddAmongSame(IPlacedThing target, List<IPlacedThing> others, string label,
        List<ReferringExpression> result)
    {
        void AddIf(bool holds, string text, bool bySize = false)
        {
            if (holds)
            {
                result.Add(new(text, Plain: false, bySize));
            }
        }

        AddIf(others.All(other => other.CenterX - target.CenterX > Margin), $"the {label} on the left");
        AddIf(others.All(other => target.CenterX - other.CenterX > Margin), $"the {label} on the right");
        AddIf(others.All(other => other.CenterY - target.CenterY > Margin), $"the {label} at the top");
        AddIf(others.All(other => target.CenterY - other.CenterY > Margin), $"the {label} at the bottom");
        AddIf(others.Count == 2 && others.Count(other => other.CenterX - target.CenterX > Margin) == 1
            && others.Count(other => target.CenterX - other.CenterX > Margin) == 1, $"the {label} in the middle");
        AddIf(others.All(other => target.Area > SizeRatio * other.Area), $"the largest {label}", bySize: true);
        AddIf(others.All(other => other.Area > SizeRatio * target.Area), $"the smallest {label}", bySize: true);
    }

    private static void AddBeside(IPlacedThing target, List<IPlacedThing> others, IPlacedThing landmark,
        List<ReferringExpression> result)
    {
        foreach ((string words, Func<IPlacedThing, double> lead) in Relations(landmark))
        {
            // Clearly so for the target, and clearly not (no near miss) for the others.
            if (lead(target) > Margin && others.All(other => lead(other) < 0))
            {
                result.Add(new($"the {target.Label} {words} the {landmark.Label}", Plain: false));
            }
        }
    }

    private static IEnumerable<(string Words, Func<IPlacedThing, double> Lead)> Relations(IPlacedThing landmark)
    {
        yield return ("left of", thing => landmark.CenterX - thing.CenterX);
        yield return ("right of", thing => thing.CenterX - landmark.CenterX);
        yield return ("above", thing => landmark.CenterY - thing.CenterY);
        yield return ("below", thing => thing.CenterY - landmark.CenterY);
    }

    /// <summary>One phrase at random: mostly the simplest kind that will do. Null when nothing fits.</summary>
    /// <param name="target">What to name.</param>
    /// <param name="things">Everything in the scene, the target too.</param>
    /// <param name="random">Chooses.</param>
    /// <param name="sizeShare">How often size is named where it tells things apart; 0 leaves it to chance.</param>
    public static ReferringExpression? Choose(IPlacedThing target, IReadOnlyList<IPlacedThing> things,
        SeededRandom random, double sizeShare = 0)
    {
        IReadOnlyList<ReferringExpression> all = For(target, things);
        if (all.Count == 0)
        {
            return null;
        }

        if (sizeShare > 0 && all.FirstOrDefault(phrase => phrase.BySize) is { } size && random.NextBool(sizeShare))
        {
            return size;
        }

        ReferringExpression? plain = all.FirstOrDefault(phrase => phrase.Plain);
        return plain is not null && random.NextBool(0.6) ? plain : random.Pick(all);
    }
}
