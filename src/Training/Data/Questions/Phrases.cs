using System.Globalization;

namespace PixSearch.Training.Data.Questions;

/// <summary>Small grammar.</summary>
internal static class Phrases
{
    private static readonly string[] s_numbers = ["no", "one", "two", "three", "four", "five", "six"];

    /// <summary>With a capital first letter.</summary>
    public static string Capital(string text) =>
        text.Length == 0 ? text : char.ToUpper(text[0], CultureInfo.InvariantCulture) + text[1..];

    /// <summary>"a", "a and b", "a, b and c".</summary>
    public static string List(IReadOnlyList<string> items) => items.Count switch
    {
        1 => items[0],
        _ => $"{string.Join(", ", items.Take(items.Count - 1))} and {items[^1]}",
    };

    /// <summary>Small numbers in words.</summary>
    public static string Number(int number) => s_numbers[number];

    /// <summary>The plural of a label.</summary>
    public static string Plural(string label) => label switch
    {
        "fish" or "shellfish" or "binoculars" or "scissors" => label,
        _ when label.EndsWith('y') && !"aeiou".Contains(label[^2], StringComparison.Ordinal) => label[..^1] + "ies",
        _ when label.EndsWith('s') || label.EndsWith("ch", StringComparison.Ordinal)
            || label.EndsWith("sh", StringComparison.Ordinal) || label.EndsWith('x') => label + "es",
        _ => label + "s",
    };

    /// <summary>Fills <c>{ref}</c>, <c>{name}</c> and <c>{value}</c>, and begins with a capital.</summary>
    public static string Fill(string template, string reference = "", string name = "", string value = "") =>
        Capital(template.Replace("{ref}", reference, StringComparison.Ordinal)
            .Replace("{name}", name, StringComparison.Ordinal)
            .Replace("{value}", value, StringComparison.Ordinal));
}
