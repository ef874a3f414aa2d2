using PixSearch.Abstractions;
using PixSearch.Gateway.Asking;
using PixSearch.Gateway.Pictures;

namespace PixSearch.Gateway.Http;

/// <summary>The request of <c>POST /v1/answers</c>.</summary>
internal sealed record AnswerBody
{
    public string Question { get; init; } = "";

    /// <summary>A data URL, base64, or (where allowed) a URL.</summary>
    public string? Picture { get; init; }

    public string? Model { get; init; }

    public string? Index { get; init; }

    public SearchMode SearchMode { get; init; }

    public int? SearchBudget { get; init; }

    public float Temperature { get; init; }

    public float TopP { get; init; } = 1;

    public int TopK { get; init; }

    public ulong Seed { get; init; }

    public int? MaxTokens { get; init; }

    public IReadOnlyList<string> Stop { get; init; } = [];

    public int Priority { get; init; }

    public bool? Stream { get; init; }

    /// <summary>Whether the session goes on when this request ends early.</summary>
    public bool Detach { get; init; }

    public long? TimeoutMs { get; init; }

    /// <summary>Bytes of a form's file; JSON has <see cref="Picture"/>.</summary>
    internal ReadOnlyMemory<byte> PictureBytes { get; init; }

    internal AskCommand ToCommand(GatewayLimits limits, DateTimeOffset now) => new()
    {
        Picture = PictureBytes.IsEmpty
            ? PictureText.Parse(Picture, limits.PictureBytesMax)
            : new PictureSource(PictureBytes, null),
        Question = Question,
        Model = Model ?? "",
        Index = Index ?? "",
        Mode = SearchMode,
        SearchBudget = SearchBudget,
        Priority = Priority,
        Detach = Detach,
        Deadline = Timeouts.ToDeadline(TimeoutMs, now),
        Sampling = new SamplingOptions
        {
            Temperature = Temperature,
            TopP = TopP,
            TopK = TopK,
            Seed = Seed,
            MaxTokens = MaxTokens ?? new SamplingOptions().MaxTokens,
            Stop = Stop,
        },
    };
}
