using PixSearch.Abstractions;
using PixSearch.Inference.Engine;

namespace PixSearch.Cli.Bench;

/// <summary>The times of one question, in milliseconds from the moment it was due (open loop) or sent.</summary>
internal sealed class QuestionTimes
{
    /// <summary>Start to first text.</summary>
    public double? FirstText { get; set; }

    /// <summary>Start to first mask.</summary>
    public double? FirstMask { get; set; }

    /// <summary>Start to end.</summary>
    public double? End { get; set; }

    /// <summary>Between two texts with nothing in between.</summary>
    public List<double> BetweenTexts { get; } = [];

    /// <summary>Search sent to evidence in the stream.</summary>
    public List<double> SearchTurns { get; } = [];

    /// <summary>Tokens that the model wrote.</summary>
    public int Tokens { get; set; }

    /// <summary>Why it failed; null when it did not.</summary>
    public PixErrorKind? Error { get; set; }
}

/// <summary>Percentiles of a measure in milliseconds.</summary>
internal sealed record Percentiles(int Count, double Mean, double P50, double P90, double P99, double Max)
{
    /// <summary>Of values in any order; nearest rank.</summary>
    public static Percentiles Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0
            ? new Percentiles(0, 0, 0, 0, 0, 0)
            : new Percentiles(sorted.Length, sorted.Average(), Rank(0.5), Rank(0.9), Rank(0.99), sorted[^1]);

        double Rank(double share) => sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Length) - 1)];
    }
}

/// <summary>What one run came to.</summary>
internal sealed record ServeResult
{
    /// <summary>Name of the run.</summary>
    public required string Name { get; init; }

    /// <summary>Wall time in seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>Questions answered.</summary>
    public required int Answered { get; init; }

    /// <summary>Questions refused because the engine was full.</summary>
    public required int Refused { get; init; }

    /// <summary>Questions that failed otherwise.</summary>
    public required int Failed { get; init; }

    /// <summary>Answered questions a second.</summary>
    public required double QuestionsPerSecond { get; init; }

    /// <summary>Answered within the objectives (first text within 1 s, 95 % of the gaps within 200 ms), a
    /// second.</summary>
    public required double GoodPerSecond { get; init; }

    /// <summary>Tokens a second.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>Time to first text.</summary>
    public required Percentiles FirstText { get; init; }

    /// <summary>Time to first mask.</summary>
    public required Percentiles FirstMask { get; init; }

    /// <summary>Inter-token latency.</summary>
    public required Percentiles BetweenTexts { get; init; }

    /// <summary>Search turn.</summary>
    public required Percentiles SearchTurn { get; init; }

    /// <summary>End to end.</summary>
    public required Percentiles EndToEnd { get; init; }

    /// <summary>The engine's counts, warm-up included; null where the engine was not looked at.</summary>
    public EngineStats? Engine { get; init; }

    /// <summary>From the times of all questions.</summary>
    public static ServeResult Of(string name, double seconds, IReadOnlyList<QuestionTimes> times)
    {
        QuestionTimes[] answered = [.. times.Where(time => time.End is not null && time.Error is null)];
        int refused = times.Count(time => time.Error == PixErrorKind.Overloaded);
        return new ServeResult
        {
            Name = name,
            Seconds = seconds,
            Answered = answered.Length,
            Refused = refused,
            Failed = times.Count - answered.Length - refused,
            QuestionsPerSecond = answered.Length / seconds,
            GoodPerSecond = answered.Count(IsGood) / seconds,
            TokensPerSecond = answered.Sum(time => time.Tokens) / seconds,
            FirstText = Percentiles.Of(answered.Where(time => time.FirstText is not null)
                .Select(time => time.FirstText!.Value)),
            FirstMask = Percentiles.Of(answered.Where(time => time.FirstMask is not null)
                .Select(time => time.FirstMask!.Value)),
            BetweenTexts = Percentiles.Of(answered.SelectMany(time => time.BetweenTexts)),
            SearchTurn = Percentiles.Of(answered.SelectMany(time => time.SearchTurns)),
            EndToEnd = Percentiles.Of(answered.Select(time => time.End!.Value)),
        };
    }

    private static bool IsGood(QuestionTimes times) => times.FirstText <= 1_000
        && times.BetweenTexts.Count(gap => gap > 200) <= times.BetweenTexts.Count * 0.05;
}
