using System.Text;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Gateway.Asking;
using PixSearch.Gateway.Pictures;

namespace PixSearch.Gateway.Http;

/// <summary>
/// OpenAI's chat completion request, as far as a model that answers one question about one picture can honour it. What
/// it cannot honour is refused by name rather than ignored.
/// </summary>
internal sealed record ChatRequest
{
    public string? Model { get; init; }

    public IReadOnlyList<ChatMessage> Messages { get; init; } = [];

    public bool? Stream { get; init; }

    public ChatStreamOptions? StreamOptions { get; init; }

    public int? MaxTokens { get; init; }

    public int? MaxCompletionTokens { get; init; }

    public float? Temperature { get; init; }

    public float? TopP { get; init; }

    public long? Seed { get; init; }

    /// <summary>A string or a list of strings.</summary>
    public JsonElement? Stop { get; init; }

    public int? N { get; init; }

    public JsonElement? Tools { get; init; }

    public JsonElement? Functions { get; init; }

    public JsonElement? ResponseFormat { get; init; }

    public JsonElement? LogitBias { get; init; }

    public bool? Logprobs { get; init; }

    public float? PresencePenalty { get; init; }

    public float? FrequencyPenalty { get; init; }

    /// <summary>Our own settings.</summary>
    public ChatExtension? Pixsearch { get; init; }

    /// <summary>The question that the request asks.</summary>
    internal AskCommand ToCommand(GatewayLimits limits, DateTimeOffset now)
    {
        RefuseUnsupported();
        (string question, PictureSource picture) = ReadMessages(limits);
        ChatExtension extension = Pixsearch ?? new ChatExtension();
        return new AskCommand
        {
            Picture = picture,
            Question = question,
            Model = Model ?? "",
            Index = extension.Index ?? "",
            Mode = extension.SearchMode ?? SearchMode.Auto,
            SearchBudget = extension.SearchBudget,
            Priority = extension.Priority ?? 0,
            Deadline = Timeouts.ToDeadline(extension.TimeoutMs, now),
            Sampling = new SamplingOptions
            {
                Temperature = Temperature ?? 0,
                TopP = TopP ?? 1,
                TopK = extension.TopK ?? 0,
                Seed = unchecked((ulong)(Seed ?? 0)),
                MaxTokens = MaxCompletionTokens ?? MaxTokens ?? new SamplingOptions().MaxTokens,
                Stop = ReadStop(),
            },
        };
    }

    private void RefuseUnsupported()
    {
        RefuseIf(N is not (null or 1), "n", "one choice is made per request");
        RefuseIf(Tools is { ValueKind: JsonValueKind.Array } tools && tools.GetArrayLength() > 0, "tools",
            "searching is the model's own; tools are not supported");
        RefuseIf(Functions is { ValueKind: JsonValueKind.Array } functions && functions.GetArrayLength() > 0,
            "functions",
            "functions are not supported");
        RefuseIf(ResponseFormat is { ValueKind: JsonValueKind.Object } format &&
            !(format.TryGetProperty("type", out JsonElement type) && type.ValueEquals("text")), "response_format",
                "only 'text' is supported");
        RefuseIf(LogitBias is { ValueKind: JsonValueKind.Object } bias && bias.EnumerateObject().Any(), "logit_bias",
            "not supported");
        RefuseIf(Logprobs == true, "logprobs", "not supported");
        RefuseIf(PresencePenalty is not (null or 0), "presence_penalty", "not supported");
        RefuseIf(FrequencyPenalty is not (null or 0), "frequency_penalty", "not supported");
    }

    /// <summary>
    /// The question and the picture: system messages go before the text of the last user message; the picture is that
    /// message's, or the newest one before it. Earlier turns are refused unless <c>pixsearch.history</c> is
    /// <c>ignore</c>.
    /// </summary>
    private (string Question, PictureSource Picture) ReadMessages(GatewayLimits limits)
    {
        RefuseIf(Messages.Count is 0 or > 256, "messages", "1 to 256 messages are needed");
        ChatMessage last = Messages[^1];
        RefuseIf(last.Role != "user", "messages", "the last message must have the role 'user'");
        var question = new StringBuilder();
        bool ignoreHistory = Pixsearch?.History == ChatHistory.Ignore;
        PictureSource picture = default;
        for (int i = 0; i < Messages.Count; i++)
        {
            ChatMessage message = Messages[i];
            bool instruction = message.Role is "system" or "developer";
            bool earlier = i < Messages.Count - 1 && !instruction;
            RefuseIf(earlier && message.Role is not ("user" or "assistant"), "messages",
                "roles are 'system', 'developer', 'user' and 'assistant'");
            RefuseIf(earlier && !ignoreHistory, "messages",
                "the model answers one question at a time (pixsearch.history 'ignore' leaves earlier turns out)");
            var text = new StringBuilder();
            message.Read(text, ref picture, limits);
            if (!earlier && text.Length > 0)
            {
                question.Append(question.Length > 0 ? "\n" : "").Append(text);
            }
        }

        return (question.ToString(), picture);
    }

    private string[] ReadStop()
    {
        switch (Stop)
        {
            case null or { ValueKind: JsonValueKind.Null }:
                return [];
            case { ValueKind: JsonValueKind.String } one:
                return [ReadText(one)];
            case { ValueKind: JsonValueKind.Array } many when many.GetArrayLength() <= 4 &&
                many.EnumerateArray().All(static item => item.ValueKind == JsonValueKind.String):
                return [.. many.EnumerateArray().Select(ReadText)];
            default:
                throw new PixException(PixErrorKind.InvalidArgument,
                    "'stop' must be a string or a list of at most 4 strings.");
        }
    }

    /// <summary>A string's text; bytes that are not UTF-8 and lone surrogates are only found when it is read.</summary>
    internal static string ReadText(JsonElement element)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw new PixException(PixErrorKind.InvalidArgument, "A string of the body is not valid text.", error);
        }
    }

    internal static void RefuseIf(bool wrong, string parameter, string why)
    {
        if (wrong)
        {
            throw new PixException(PixErrorKind.InvalidArgument, $"'{parameter}': {why}.");
        }
    }
}

/// <summary>One message; its content is a string or a list of parts.</summary>
internal sealed record ChatMessage
{
    public string Role { get; init; } = "";

    public JsonElement? Content { get; init; }

    /// <summary>Appends the text and replaces the picture by the message's, if it has one.</summary>
    internal void Read(StringBuilder text, ref PictureSource picture, GatewayLimits limits)
    {
        switch (Content)
        {
            case null or { ValueKind: JsonValueKind.Null }:
                return;
            case { ValueKind: JsonValueKind.String } plain:
                text.Append(ChatRequest.ReadText(plain));
                return;
            case { ValueKind: JsonValueKind.Array } parts:
                int pictures = 0;
                foreach (JsonElement part in parts.EnumerateArray())
                {
                    pictures += ReadPart(part, text, ref picture, limits) ? 1 : 0;
                }

                ChatRequest.RefuseIf(pictures > 1, "messages", "a message holds at most one picture");
                return;
            default:
                throw new PixException(PixErrorKind.InvalidArgument,
                    "'messages': content must be a string or a list of parts.");
        }
    }

    /// <summary>True when the part was a picture.</summary>
    private static bool ReadPart(JsonElement part, StringBuilder text, ref PictureSource picture, GatewayLimits limits)
    {
        string? type = Text(part, "type");
        switch (type)
        {
            case "text" when Text(part, "text") is { } words:
                text.Append(text.Length > 0 ? "\n" : "").Append(words);
                return false;
            case "image_url" when part.TryGetProperty("image_url", out JsonElement url):
                picture = PictureText.Parse(url.ValueKind == JsonValueKind.String ? ChatRequest.ReadText(url)
                    : Text(url, "url"),
                    limits.PictureBytesMax);
                return true;
            default:
                throw new PixException(PixErrorKind.InvalidArgument,
                    "'messages': a part must be {type: 'text', text} or {type: 'image_url', image_url: {url}}.");
        }
    }

    private static string? Text(JsonElement element, string property) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(property, out JsonElement value) &&
        value.ValueKind == JsonValueKind.String
            ? ChatRequest.ReadText(value)
            : null;
}

/// <summary>OpenAI's stream options.</summary>
internal sealed record ChatStreamOptions
{
    public bool? IncludeUsage { get; init; }
}

/// <summary>Our settings in a chat request, under <c>pixsearch</c>.</summary>
internal sealed record ChatExtension
{
    public string? Index { get; init; }

    public SearchMode? SearchMode { get; init; }

    public int? SearchBudget { get; init; }

    public int? TopK { get; init; }

    public int? Priority { get; init; }

    public long? TimeoutMs { get; init; }

    public ChatHistory? History { get; init; }
}

/// <summary>What to do with earlier turns of a chat.</summary>
internal enum ChatHistory
{
    /// <summary>Refuse the request.</summary>
    Refuse,

    /// <summary>Leave them out.</summary>
    Ignore,
}
