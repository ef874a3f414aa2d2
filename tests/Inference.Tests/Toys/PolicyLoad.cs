using PixSearch.Abstractions;
using PixSearch.Inference.Engine;
using PixSearch.Inference.Sessions;

namespace PixSearch.Inference.Toys;

/// <summary>
/// Clients that ask a question with four searches, and the next as soon as they have its answer, in virtual time: a
/// step takes 1 ms and 0.06 ms a row, which is what nano takes on a core, and a search a time that is
/// drawn log-uniformly.
/// </summary>
internal sealed class PolicyLoad(PausePolicy policy, int clients, int pages, double shortest, double longest)
{
    private const int Questions = 64;
    private const string Script = "twelve words<search>a</search>twelve words<search>b</search>twelve words"
        + "<search>c</search>twelve words<search>d</search>and the end.";

    private static readonly string s_snippet = new('e', 70);

    private readonly List<(DateTimeOffset Due, SearchCall Call)> _away = [];
    private readonly List<(string Id, DateTimeOffset Asked)> _open = [];
    private readonly List<double> _seconds = [];
    private readonly SeededRandom _random = SeededRandom.ForStream(7, (ulong)clients);
    private int _asked;

    /// <summary>Runs the load to its end.</summary>
    public PolicyRun Run()
    {
        var options = new EngineOptions
        {
            PausePolicy = policy, PageCount = pages, EventBufferMax = 100_000, SessionsMax = 1_000,
        };
        var model = new ToyModel(contextLength: 1_024) { History = 440, ReadsPages = false };
        using var engine = new EngineHarness(options, model);
        engine.Model.OnStep = rows => engine.Time.Advance(TimeSpan.FromMilliseconds(1 + (rows * 0.06)));
        DateTimeOffset start = engine.Time.GetUtcNow();
        for (int client = 0; client < clients; client++)
        {
            Ask(engine);
        }

        while (_open.Count > 0)
        {
            if (!engine.Core.Tick())
            {
                DateTimeOffset now = engine.Time.GetUtcNow();
                DateTimeOffset next = _away.Min(static one => one.Due);
                next = engine.Core.NextWake() is { } wake && wake < next ? wake : next;
                engine.Time.Advance(next > now ? next - now : TimeSpan.Zero);
            }

            Send(engine);
            Return(engine);
            Finish(engine);
        }

        Assert.Equal(0, engine.Core.Pool.PagesHeld);
        double seconds = (engine.Time.GetUtcNow() - start).TotalSeconds;
        _seconds.Sort();
        EngineStats stats = engine.Core.Stats;
        return new PolicyRun(Questions / seconds, _seconds[(int)(Questions * 0.99)], stats.Rows, stats.Preemptions);
    }

    private void Ask(EngineHarness engine)
    {
        if (_asked < Questions)
        {
            _asked++;
            var options = new SessionOptions { SearchBudget = 4 };
            string id = engine.Submit(Script, 1 + _asked, options: options);
            _open.Add((id, engine.Time.GetUtcNow()));
        }
    }

    private void Send(EngineHarness engine)
    {
        foreach (SearchCall call in engine.Searches)
        {
            double seconds = shortest * Math.Pow(longest / shortest, _random.NextDouble());
            _away.Add((engine.Time.GetUtcNow().AddSeconds(seconds), call));
        }

        engine.Searches.Clear();
    }

    private void Return(EngineHarness engine)
    {
        DateTimeOffset now = engine.Time.GetUtcNow();
        foreach ((DateTimeOffset due, SearchCall call) in _away.OrderBy(static one => one.Due).ToArray())
        {
            if (due <= now)
            {
                _away.Remove((due, call));
                var hit = new EvidenceHit("d", "T", s_snippet, 1, call.Query.Modality);
                engine.Core.CompleteSearch(call.SessionId, call.Turn, new RetrievalResult([hit], Partial: false), null);
            }
        }
    }

    private void Finish(EngineHarness engine)
    {
        foreach ((string id, DateTimeOffset asked) in _open.ToArray())
        {
            if (engine.Stream(id).IsClosed)
            {
                Assert.IsType<Finished>(engine.Events(id)[^1]);
                Assert.Equal(4, engine.Events(id).OfType<Evidence>().Count());
                _open.Remove((id, asked));
                _seconds.Add((engine.Time.GetUtcNow() - asked).TotalSeconds);
                Ask(engine);
            }
        }
    }
}

/// <summary>What a <see cref="PolicyLoad"/> saw.</summary>
internal sealed record PolicyRun(double QuestionsPerSecond, double P99, long Rows, long Preemptions);
