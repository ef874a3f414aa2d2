using System.Text.Json;
using System.Text.Json.Nodes;

namespace PixSearch.Models.Tests.Checkpoints;

/// <summary>Every value of a JSON text replaced by values that nobody expects there.</summary>
internal static class JsonMutations
{
    private static readonly string[] s_values =
    [
        "null", "true", "\"x\"", "\"\"", "-1", "0", "1", "3", "0.5", "1e300", "-1e-300", "2147483647", "-2147483648",
        "16777216", "1e999", "[]", "{}", "[null]", "[{}]", "[-1]", "[2147483647]",
    ];

    // Deeper than any reader allows; JsonNode itself could not be written with it.
    private static readonly string s_deep = new string('[', 2000) + new string(']', 2000);

    /// <summary>The mutants of a text, each with what was changed. Lists and maps of more than
    /// <paramref name="itemsMax"/> items are changed as a whole and in their first items.</summary>
    public static IEnumerable<(string What, string Json)> Of(string json, int itemsMax = 6)
    {
        foreach (JsonPath path in Paths(JsonNode.Parse(json)!, [], itemsMax))
        {
            foreach (string value in s_values)
            {
                yield return ($"{path} = {value}", path.Replaced(json, value));
            }

            yield return ($"{path} removed", path.Replaced(json, null));
        }

        yield return ("all of it nested", s_deep);
        yield return ("cut in the middle", json[..(json.Length / 2)]);
        yield return ("nothing", "");
    }

    private static IEnumerable<JsonPath> Paths(JsonNode? node, object[] steps, int itemsMax)
    {
        if (steps.Length > 0)
        {
            yield return new JsonPath(steps);
        }

        IEnumerable<(object Step, JsonNode? Child)> children = node switch
        {
            JsonObject map => map.Take(itemsMax * 8).Select(pair => ((object)pair.Key, pair.Value)),
            JsonArray list => list.Take(itemsMax).Select((item, i) => ((object)i, item)),
            _ => [],
        };
        foreach ((object step, JsonNode? child) in children)
        {
            foreach (JsonPath path in Paths(child, [.. steps, step], itemsMax))
            {
                yield return path;
            }
        }
    }

    private sealed record JsonPath(object[] Steps)
    {
        public override string ToString() => string.Join('.', Steps);

        // The value is put in as text: JsonNode could not hold 1e999.
        public string Replaced(string json, string? value)
        {
            const string Mark = "\"@mark@\"";
            JsonNode root = JsonNode.Parse(json)!;
            JsonNode parent = root;
            foreach (object step in Steps[..^1])
            {
                parent = step is string key ? parent[key]! : parent[(int)step]!;
            }

            if (value is not null)
            {
                Set(parent, Steps[^1], JsonValue.Create("@mark@"));
            }
            else if (parent is JsonArray list)
            {
                list.RemoveAt((int)Steps[^1]);
            }
            else
            {
                parent.AsObject().Remove((string)Steps[^1]);
            }

            string text = root.ToJsonString(new JsonSerializerOptions { MaxDepth = 100 });
            return value is null ? text : text.Replace(Mark, value, StringComparison.Ordinal);
        }

        private static void Set(JsonNode parent, object step, JsonNode value)
        {
            if (step is string key)
            {
                parent[key] = value;
            }
            else
            {
                parent[(int)step] = value;
            }
        }
    }
}
