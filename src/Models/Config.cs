using PixSearch.Abstractions;

namespace PixSearch.Models;

/// <summary>Checks of configuration values; all throw <see cref="PixException"/> with name, value and limit.</summary>
internal static class Config
{
    // Larger than any published model by two orders of magnitude; keeps products of sizes from overflowing.
    private const int SizeMax = 1 << 24;

    public static void AtLeast(string name, int value, int least) => Between(name, value, least, SizeMax);

    /// <summary>A number of layers: a wrong one must not make a million of them.</summary>
    public static void Layers(string name, int value) => Between(name, value, 1, 1024);

    /// <summary>A number of patches along a side, whose fourth power attention allocates.</summary>
    public static void Grid(string name, int value) => Between(name, value, 1, 512);

    public static void Between(string name, int value, int least, int most)
    {
        if (value < least || value > most)
        {
            throw Broken($"{name} is {value}; it must be between {least} and {most}");
        }
    }

    public static void Positive(string name, float value)
    {
        if (!(value > 0) || !float.IsFinite(value))
        {
            throw Broken($"{name} is {value}; it must be a positive number");
        }
    }

    public static void Divides(string name, int divisor, string otherName, int value)
    {
        if (divisor < 1 || value % divisor != 0)
        {
            throw Broken(name == divisor.ToString(System.Globalization.CultureInfo.InvariantCulture)
                ? $"{otherName} is {value}; it must be a multiple of {divisor}"
                : $"{otherName} is {value}; it must be a multiple of {name}, which is {divisor}");
        }
    }

    public static PixException Broken(string message) =>
        new(PixErrorKind.BrokenArtifact, $"Model configuration: {message}. Correct config.json.");
}
