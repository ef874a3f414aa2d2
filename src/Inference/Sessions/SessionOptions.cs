using PixSearch.Abstractions;
using PixSearch.Imaging.Masks;

namespace PixSearch.Inference.Sessions;

/// <summary>What happens to <c>&lt;search&gt;</c> once the search budget is used up.</summary>
public enum BudgetExhausted
{
    /// <summary>The token that would complete <c>&lt;search&gt;</c> is never chosen: the model has to answer
    /// (default).</summary>
    Ban,

    /// <summary>The search is written but answered with "nothing found" at once.</summary>
    NothingFound,

    /// <summary>The answer ends at <c>&lt;search&gt;</c>.</summary>
    Finish,
}

/// <summary>
/// The knobs of search-interleaved decoding that the paper leaves open (systems.md §1.1), with the project's
/// defaults. Checked by
/// <see cref="Validate"/> when a session starts.
/// </summary>
public sealed record SessionOptions
{
    /// <summary>Which searches the model may make.</summary>
    public SearchMode Mode { get; init; } = SearchMode.Auto;

    /// <summary>Most searches in a session, 0..32. Default 4: Table 7 of the paper saturates at 3-4.</summary>
    public int SearchBudget { get; init; } = 4;

    /// <summary>What happens at the search after the last one.</summary>
    public BudgetExhausted OnBudgetExhausted { get; init; } = BudgetExhausted.Ban;

    /// <summary>Hits asked for per search, 1..20. Default 3, as the training trajectories have at most.</summary>
    public int TopK { get; init; } = 3;

    /// <summary>Longest entry of evidence in characters, 16..4096. Default 160, as in training.</summary>
    public int EvidenceEntryCharactersMax { get; init; } = 160;

    /// <summary>Most tokens of one evidence block with its tags, 8..4096; entries are dropped from the end until it
    /// fits.</summary>
    public int EvidenceTokensMax { get; init; } = 256;

    /// <summary>Longest search payload in characters, 8..4096; a longer one is closed by the machine.</summary>
    public int QueryCharactersMax { get; init; } = 256;

    /// <summary>Border round a region's tight box, as a share of its longer side, 0..1. Default 0: the tight
    /// box.</summary>
    public float CropPadding { get; init; }

    /// <summary>
    /// What a region query shows outside the mask. Default Fill, as the index encoder is trained: the entity alone
    /// (docs/adr/0003).
    /// </summary>
    public CropBackground CropBackground { get; init; } = CropBackground.Fill;

    /// <summary>Which part of its mask a region query shows. Default Main: islands on other things would put these into
    /// the query.</summary>
    public CropPart CropPart { get; init; }

    /// <summary>Most masks in a session, 0..256; spans after that stay without.</summary>
    public int MasksMax { get; init; } = 32;

    /// <summary>Whether spans that no search asked for get their masks when the answer is complete.</summary>
    public bool MasksAtEnd { get; init; } = true;

    /// <summary>How long a search may take before its evidence is flagged partial; 10 ms..5 min.</summary>
    public TimeSpan SearchTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How tokens are chosen.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>The options of a request: these, with what the request sets.</summary>
    public SessionOptions For(AnswerRequest request) => this with
    {
        Mode = request.Mode,
        SearchBudget = request.SearchBudget ?? SearchBudget,
        Sampling = request.Sampling,
    };

    /// <summary>Throws <see cref="PixErrorKind.InvalidArgument"/> naming the knob, its value and its range.</summary>
    public void Validate()
    {
        Range("search mode", (int)Mode, 0, (int)SearchMode.Region);
        Range("search budget", SearchBudget, 0, 32);
        Range("top-k hits", TopK, 1, 20);
        Range("evidence entry characters", EvidenceEntryCharactersMax, 16, 4096);
        Range("evidence tokens", EvidenceTokensMax, 8, 4096);
        Range("query characters", QueryCharactersMax, 8, 4096);
        Range("crop padding", CropPadding, 0, 1);
        Range("masks", MasksMax, 0, 256);
        Range("search timeout (seconds)", SearchTimeout.TotalSeconds, 0.01, 300);
        Range("temperature", Sampling.Temperature, 0, 2);
        Range("top_p", Sampling.TopP, 1e-6, 1);
        Range("top_k", Sampling.TopK, 0, 1_000_000);
        Range("max_tokens", Sampling.MaxTokens, 1, 65_536);
        Range("number of stop strings", Sampling.Stop.Count, 0, 4);
        foreach (string stop in Sampling.Stop)
        {
            Range("length of a stop string", stop.Length, 1, 64);
        }
    }

    private static void Range(string what, double value, double min, double max)
    {
        // Written so that NaN fails too.
        if (!(value >= min && value <= max))
        {
            throw new PixException(PixErrorKind.InvalidArgument, $"{what} is {value}; it must be in [{min}, {max}].");
        }
    }
}
