using PixSearch.Abstractions;
using PixSearch.Inference.Engine;
using PixSearch.Inference.Sessions;
using PixSearch.Inference.Toys;

namespace PixSearch.Simulation;

/// <summary>
/// While two tenants both wait, what they have received may differ by no more than the sessions that are running at
/// the moment can still cost (the bound of VTC, Sheng et al., OSDI 2024), however many requests one of them sends.
/// </summary>
public sealed class FairnessTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Schedule_TwoBackloggedTenants_StayWithinTheBound(int runningMax)
    {
        var random = new SeededRandom((ulong)runningMax);
        using var model = new ToyModel(Scenario.Context);
        var options = new EngineOptions { RunningMax = runningMax, SessionsMax = 512, PageCount = 128 };
        using var core = new EngineCore(model, options, new ManualTime(), new NoSessionLog(), new NoSearch());
        double costMax = 0;
        foreach ((string tenant, int count) in (ReadOnlySpan<(string, int)>)[("greedy", 150), ("modest", 30)])
        {
            for (int i = 0; i < count; i++)
            {
                string script = new('x', 5 + random.NextInt(100));
                var answer = new AnswerRequest { Question = script, Tenant = tenant };
                core.Submit(new EngineRequest($"{tenant}{i}", answer, new SessionOptions(), null, 0));

                // Prompt rows, then two units for each decoded token and the end.
                costMax = Math.Max(costMax, 8 + script.Length + (2 * (script.Length + 1)));
            }
        }

        double worst = 0;
        int shared = 0;
        while (core.Tick())
        {
            bool bothWait = core.Waits("greedy") && core.Waits("modest");
            shared += bothWait ? 1 : 0;
            worst = bothWait
                ? Math.Max(worst, Math.Abs(core.Ledger.Received("greedy") - core.Ledger.Received("modest")))
                : worst;
        }

        Assert.True(shared > 100, "the tenants hardly ever waited together");
        Assert.InRange(worst, 1, 2 * runningMax * costMax);

        // First come, first served would have given the greedy tenant everything before the modest one's first token.
        Assert.True(2 * runningMax * costMax < 150 * costMax / 4);
    }

    private sealed class NoSearch : ISearchPort
    {
        public void Begin(SearchCall call) => throw new InvalidOperationException("nobody searches here");

        public void Abandon(string sessionId) => throw new InvalidOperationException("nobody searches here");
    }
}
