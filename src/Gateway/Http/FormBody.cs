using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using PixSearch.Abstractions;

namespace PixSearch.Gateway.Http;

/// <summary>
/// The request of <c>POST /v1/answers</c> as a form, for <c>curl -F picture=@a.jpg -F question=…</c>: the same fields
/// as in JSON, and the picture as a file. Kept in memory, within the limits of the body.
/// </summary>
internal static class FormBody
{
    private static readonly HashSet<string> s_known =
    [
        "question", "picture", "model", "index", "search_mode", "search_budget", "temperature", "top_p", "top_k",
            "seed", "max_tokens",
        "stop", "priority", "stream", "detach", "timeout_ms",
    ];

    internal static async Task<AnswerBody> ReadAnswerAsync(HttpContext http, GatewayLimits limits)
    {
        var options = new FormOptions
        {
            ValueCountLimit = 32,
            KeyLengthLimit = 64,
            ValueLengthLimit = limits.QuestionCharactersMax * 4,
            MultipartBodyLengthLimit = limits.BodyBytesMax,
            MemoryBufferThreshold = (int)Math.Min(int.MaxValue, limits.BodyBytesMax),
            MultipartHeadersCountLimit = 8,
            MultipartHeadersLengthLimit = 4096,
        };
        IFormCollection form = await http.Request.ReadFormAsync(options, http.RequestAborted);
        foreach (string name in form.Keys.Concat(form.Files.Select(static file => file.Name)))
        {
            if (!s_known.Contains(name))
            {
                throw Refused(name, "there is no such field");
            }
        }

        return new AnswerBody
        {
            Question = form["question"].ToString(),
            Picture = Text(form, "picture"),
            PictureBytes = await ReadFileAsync(form.Files.GetFile("picture"), limits, http.RequestAborted),
            Model = Text(form, "model"),
            Index = Text(form, "index"),
            SearchMode = Mode(form),
            SearchBudget = Number<int>(form, "search_budget"),
            Temperature = Number<float>(form, "temperature") ?? 0,
            TopP = Number<float>(form, "top_p") ?? 1,
            TopK = Number<int>(form, "top_k") ?? 0,
            Seed = Number<ulong>(form, "seed") ?? 0,
            MaxTokens = Number<int>(form, "max_tokens"),
            Stop = [.. form["stop"].Where(static one => !string.IsNullOrEmpty(one)).Select(static one => one!)],
            Priority = Number<int>(form, "priority") ?? 0,
            Stream = Flag(form, "stream"),
            Detach = Flag(form, "detach") ?? false,
            TimeoutMs = Number<long>(form, "timeout_ms"),
        };
    }

    private static async Task<ReadOnlyMemory<byte>> ReadFileAsync(
        IFormFile? file, GatewayLimits limits, CancellationToken cancellation)
    {
        if (file is null)
        {
            return default;
        }

        if (file.Length > limits.PictureBytesMax || file.Length == 0)
        {
            throw new PixException(PixErrorKind.InvalidPicture,
                $"The picture has {file.Length} bytes; it must have 1 to {limits.PictureBytesMax} (PictureBytesMax).");
        }

        byte[] bytes = new byte[file.Length];
        await using Stream stream = file.OpenReadStream();
        await stream.ReadExactlyAsync(bytes, cancellation);
        return bytes;
    }

    private static SearchMode Mode(IFormCollection form)
    {
        string? text = Text(form, "search_mode");
        return text is null ? SearchMode.Auto
            : text.All(char.IsAsciiLetterLower) && Enum.TryParse(text, ignoreCase: true, out SearchMode mode) ? mode
            : throw Refused("search_mode", "it must be auto, none, text, image or region");
    }

    private static T? Number<T>(IFormCollection form, string name)
        where T : struct, ISpanParsable<T>
    {
        string? text = Text(form, name);
        return text is null ? null
            : T.TryParse(text, CultureInfo.InvariantCulture, out T number) ? number
            : throw Refused(name, "it is not a number of its range");
    }

    private static bool? Flag(IFormCollection form, string name) => Text(form, name) switch
    {
        null => null,
        "true" => true,
        "false" => false,
        _ => throw Refused(name, "it must be true or false"),
    };

    private static string? Text(IFormCollection form, string name) =>
        form[name].ToString() is { Length: > 0 } text ? text : null;

    private static PixException Refused(string field, string why) =>
        new(PixErrorKind.InvalidArgument, $"The field '{field}': {why}.");
}
