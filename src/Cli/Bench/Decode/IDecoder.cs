namespace PixSearch.Cli.Bench.Decode;

/// <summary>An engine that decodes several sequences at once, for timing. Tokens are given, not sampled.</summary>
internal interface IDecoder : IDisposable
{
    /// <summary>For tables.</summary>
    string Name { get; }

    /// <summary>Room for a number of sequences of up to so many tokens; what was there is forgotten.</summary>
    void Open(int sequences, int tokensEach);

    /// <summary>Appends tokens to one sequence in one go and picks the likeliest next token.</summary>
    /// <param name="sequence">Which.</param>
    /// <param name="start">Position of the first: tokens from there on are forgotten.</param>
    /// <param name="tokens">Ids.</param>
    int Prefill(int sequence, int start, ReadOnlySpan<int> tokens);

    /// <summary>Appends one token to each sequence, at one position, and picks the likeliest next ones.</summary>
    void Step(int position, ReadOnlySpan<int> tokens, Span<int> next);

    /// <summary>Logits of the last <see cref="Prefill"/>.</summary>
    float[] LastLogits();
}
