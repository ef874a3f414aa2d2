using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Inference.Engine;
using PixSearch.Inference.Sessions;

namespace PixSearch.Simulation;

/// <summary>What a seed stands for: limits of the engine, requests, and what befalls each of them.</summary>
internal sealed class Scenario
{
    private static readonly string[] s_words =
        ["the", "CAR", "a red", "FLAG", "of", "SUVA", "<search><region></search>", "<search><img></search>",
        "<search>who?</search>", "é😀", "is", "BIRD", "near", "<search> <region> </search>", "DOG and CAT", "."];

    public Scenario(ulong seed)
    {
        var random = new SeededRandom(seed);
        int pageSize = 4 << Below(random, 3);
        int contextPages = Context / pageSize;
        Options = new EngineOptions
        {
            PageSize = pageSize,
            PageCount = contextPages + Below(random, contextPages),
            TokenBudget = 8 + Below(random, 120),
            RunningMax = 1 + Below(random, 16),
            SessionsMax = 4 + Below(random, 36),
            SessionsPerTenantMax = Below(random, 3) == 0 ? 3 + Below(random, 8) : 0,
            EventBufferMax = 8 + Below(random, 60),
            PausePolicy = (PausePolicy)Below(random, 3),
            PrefixCache = Below(random, 4) > 0,
            ImageCacheMax = 1 + Below(random, 4),
        };
        FullPicture = Below(random, 3) == 0;
        Visits = [.. Enumerable.Range(0, 5 + Below(random, 20)).Select(i => MakeVisit(random, i))];
        CrashSteps = [.. Enumerable.Range(0, Below(random, 4)).Select(_ => 1 + Below(random, 200))];
        Random = random;
    }

    public const int Context = 256;

    public EngineOptions Options { get; }

    public bool FullPicture { get; }

    public IReadOnlyList<Visit> Visits { get; }

    /// <summary>Steps after which the process dies; odd ones die before the step's commit.</summary>
    public IReadOnlyList<int> CrashSteps { get; }

    /// <summary>Goes on to decide what happens during the run.</summary>
    public SeededRandom Random { get; }

    public static int Below(SeededRandom random, int limit) => limit <= 0 ? 0
        : (int)(random.NextUInt64() % (ulong)limit);

    private static Visit MakeVisit(SeededRandom random, int index)
    {
        string script = string.Join(' ', Enumerable.Range(0, 1 + Below(random, 18))
            .Select(_ => s_words[Below(random, s_words.Length)]));
        bool poisoned = Below(random, 40) == 0;
        string tenant = $"tenant{Below(random, 3)}";
        int pictureSeed = Below(random, 4);
        RgbImage? picture = pictureSeed == 0
            ? null
            : new RgbImage(7, 5, [.. Enumerable.Range(0, 7 * 5 * 3).Select(i => (byte)(i * pictureSeed))]);
        var arrival = TimeSpan.FromMilliseconds(Below(random, 3_000));
        var answer = new AnswerRequest
        {
            Question = poisoned ? script + "\u0007" : script,
            Tenant = tenant,
            Priority = Below(random, 3),
            Deadline = Below(random, 8) == 0 ? Start + arrival + TimeSpan.FromMilliseconds(Below(random, 4_000)) : null,
        };
        var options = new SessionOptions
        {
            Mode = Below(random, 3) == 0 ? (SearchMode)Below(random, 5) : SearchMode.Auto,
            SearchBudget = Below(random, 6),
            OnBudgetExhausted = (BudgetExhausted)Below(random, 3),
            SearchTimeout = TimeSpan.FromMilliseconds(200 + Below(random, 2_000)),
            Sampling = new SamplingOptions
            {
                Temperature = Below(random, 3) == 0 ? 0.7f : 0,
                Seed = random.NextUInt64(),
                MaxTokens = 1 + Below(random, 120),
                Stop = Below(random, 5) == 0 ? ["SU", "is n"] : [],
            },
        };
        UInt128 key = picture is null ? 0 : EngineRequest.KeyOf(tenant, picture);
        return new Visit(arrival, new EngineRequest($"s{index}", answer, options, picture, key), poisoned,
            CancelAfter: Below(random, 5) == 0 ? TimeSpan.FromMilliseconds(Below(random, 2_000)) : null,
            ReadsEvery: Below(random, 6) == 0 ? 1 + Below(random, 400) : 1);
    }

    public static DateTimeOffset Start { get; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
}

/// <summary>One request and its client.</summary>
/// <param name="Arrival">When it comes in.</param>
/// <param name="Request">What it asks.</param>
/// <param name="Poisoned">Its rows break the model.</param>
/// <param name="CancelAfter">When the client gives up; null never.</param>
/// <param name="ReadsEvery">The client reads at every n-th step.</param>
internal sealed record Visit(TimeSpan Arrival, EngineRequest Request, bool Poisoned, TimeSpan? CancelAfter,
    int ReadsEvery);
