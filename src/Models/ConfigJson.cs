using System.Text.Json;

namespace PixSearch.Models;

/// <summary>Reading and writing of <c>config.json</c> in the project's layout: names in snake case, as Hugging
/// Face's.</summary>
internal static class ConfigJson
{
    private static readonly JsonSerializerOptions s_options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        RespectNullableAnnotations = true,
    };

    public static T Parse<T>(string json)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, s_options) ?? throw Config.Broken("it is null");
        }
        catch (JsonException error)
        {
            throw Config.Broken($"it cannot be read: {error.Message}");
        }
    }

    public static string Write<T>(T config) => JsonSerializer.Serialize(config, s_options);

    public static void CheckType(string actual, string expected)
    {
        if (actual != expected)
        {
            throw Config.Broken($"model_type is '{actual}', not '{expected}'");
        }
    }
}
