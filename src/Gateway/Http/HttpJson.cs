using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using PixSearch.Abstractions;

namespace PixSearch.Gateway.Http;

/// <summary>
/// JSON of the HTTP door: snake case; masks as COCO writes them (<c>{"size":[h,w],"counts":"…"}</c>), boxes as
/// <c>[x,y,w,h]</c>.
/// </summary>
internal static class HttpJson
{
    /// <summary>For what we write, and for OpenAI's requests, whose unknown properties are none of our
    /// business.</summary>
    internal static JsonSerializerOptions Lenient { get; } = Make(JsonUnmappedMemberHandling.Skip);

    /// <summary>For requests of our own endpoints: a misspelt property is refused, not ignored.</summary>
    internal static JsonSerializerOptions Strict { get; } = Make(JsonUnmappedMemberHandling.Disallow);

    /// <summary>The request's body; throws <see cref="PixErrorKind.InvalidArgument"/> when it is not JSON of that
    /// form.</summary>
    internal static async Task<T> ReadAsync<T>(HttpContext http, JsonSerializerOptions options)
        where T : class
    {
        if (!http.Request.HasJsonContentType())
        {
            throw new PixException(PixErrorKind.InvalidArgument, "The Content-Type must be application/json.");
        }

        try
        {
            return await JsonSerializer.DeserializeAsync<T>(http.Request.Body, options, http.RequestAborted) ??
                throw new PixException(PixErrorKind.InvalidArgument, "The body is null.");
        }
        catch (JsonException error)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"The body is not valid at '{error.Path ?? "$"}', line {error.LineNumber + 1}.", error);
        }
    }

    private static JsonSerializerOptions Make(JsonUnmappedMemberHandling unknown)
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            UnmappedMemberHandling = unknown,
            AllowDuplicateProperties = false,
            RespectNullableAnnotations = true,

            // Answers are JSON only, never put into HTML: readable non-ASCII text is safe.
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            Converters =
            {
                new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false),
                new RleConverter(),
                new BoxConverter(),
            },
        };
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    private sealed class RleConverter : JsonConverter<RleMask>
    {
        public override RleMask Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var coco = JsonSerializer.Deserialize<Coco>(ref reader, options);
            return coco is { Size.Count: 2 } ? new RleMask(coco.Size[0], coco.Size[1], coco.Counts)
                : throw new JsonException();
        }

        public override void Write(Utf8JsonWriter writer, RleMask value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, new Coco([value.Height, value.Width], value.Counts), options);

        private sealed record Coco(IReadOnlyList<int> Size, string Counts);
    }

    private sealed class BoxConverter : JsonConverter<PixelBox>
    {
        public override PixelBox Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            JsonSerializer.Deserialize<int[]>(ref reader, options) is { Length: 4 } box
                ? new PixelBox(box[0], box[1], box[2], box[3])
                : throw new JsonException();

        public override void Write(Utf8JsonWriter writer, PixelBox value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, new[] { value.X, value.Y, value.Width, value.Height }, options);
    }
}
