namespace PixSearch.Abstractions;

/// <summary>A question about a picture.</summary>
public sealed record AnswerRequest
{
    /// <summary>The encoded picture (JPEG, PNG or WebP), exactly as it arrived; null for a question without
    /// picture.</summary>
    public ReadOnlyMemory<byte> Picture { get; init; }

    /// <summary>The question, UTF-8 text.</summary>
    public required string Question { get; init; }

    /// <summary>Name of a loaded model; empty for the server's default.</summary>
    public string Model { get; init; } = "";

    /// <summary>Name of an index; empty for the server's default.</summary>
    public string Index { get; init; } = "";

    /// <summary>Which searches the model may make.</summary>
    public SearchMode Mode { get; init; } = SearchMode.Auto;

    /// <summary>Most searches in one session; what happens after is <c>SessionOptions.OnBudgetExhausted</c>.</summary>
    public int? SearchBudget { get; init; }

    /// <summary>How tokens are chosen.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Who pays: set by the gateway from the API key, never by the client.</summary>
    public string Tenant { get; init; } = "";

    /// <summary>Larger is sooner; within one tenant only.</summary>
    public int Priority { get; init; }

    /// <summary>When the answer is no longer wanted.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>The budget that pays, where several gateways share it; null for none. Set by the gateway.</summary>
    public TokenReservation? Reservation { get; init; }
}

/// <summary>The most that a request can use, to be set aside from a budget before it starts.</summary>
/// <param name="Account">The tenant and the period, such as <c>acme/2026-11</c>: a new period is a new account.</param>
/// <param name="Tokens">To set aside.</param>
/// <param name="Budget">All that the account may spend and set aside.</param>
public sealed record TokenReservation(string Account, long Tokens, long Budget);

/// <summary>How tokens are chosen. Temperature 0 is greedy and deterministic.</summary>
public sealed record SamplingOptions
{
    /// <summary>0 = greedy; range [0, 2].</summary>
    public float Temperature { get; init; }

    /// <summary>Nucleus mass; range (0, 1].</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Keep the k most likely tokens; 0 = all.</summary>
    public int TopK { get; init; }

    /// <summary>Seed of the request's own random stream.</summary>
    public ulong Seed { get; init; }

    /// <summary>Most tokens that the model may write (evidence does not count).</summary>
    public int MaxTokens { get; init; } = 256;

    /// <summary>Texts that end the answer; at most 4.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];
}

/// <summary>Which searches a session makes (Table 1 of the paper compares them).</summary>
public enum SearchMode
{
    /// <summary>The model decides.</summary>
    Auto,

    /// <summary>No search at all.</summary>
    None,

    /// <summary>Every search sends text: the model's query, or the question itself.</summary>
    Text,

    /// <summary>Every search sends the whole picture.</summary>
    Image,

    /// <summary>Every search sends the crop of the mask of the entity named last.</summary>
    Region,
}
