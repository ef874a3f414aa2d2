using PixSearch.Inference.Toys;

namespace PixSearch.Inference.Engine;

/// <summary>What the pause policies are worth, in virtual time: pages for eight of the sessions.</summary>
public sealed class PausePolicyTests
{
    private const int Pages = 512;

    [Theory]
    [InlineData(16, 0.05, 0.5, 0.99)]
    [InlineData(16, 0.005, 0.05, 0.99)]
    // The best is known to be missed where searches are a hundred times as long as what lies between them.
    [InlineData(32, 0.5, 2, 0.95)]
    public void Cost_MoreSessionsThanPages_IsAsGoodAsTheBetterOfKeepAndDrop(int clients, double shortest,
        double longest, double share)
    {
        PolicyRun cost = Run(PausePolicy.Cost, clients, shortest, longest);
        PolicyRun keep = Run(PausePolicy.Keep, clients, shortest, longest);
        PolicyRun drop = Run(PausePolicy.Drop, clients, shortest, longest);

        double better = Math.Max(keep.QuestionsPerSecond, drop.QuestionsPerSecond);
        Assert.True(cost.QuestionsPerSecond >= share * better, $"cost {cost}, keep {keep}, drop {drop}");
    }

    [Fact]
    public void Cost_WithinTheSamePercentile_AnswersMoreThanSixteenTenthsOfDrop()
    {
        PolicyRun drop = Run(PausePolicy.Drop, 8, 0.05, 0.5);
        PolicyRun cost = Run(PausePolicy.Cost, 8, 0.05, 0.5);

        Assert.True(cost.P99 <= drop.P99, $"cost {cost}, drop {drop}");
        Assert.True(cost.QuestionsPerSecond >= 1.6 * drop.QuestionsPerSecond, $"cost {cost}, drop {drop}");
    }

    [Fact]
    public void Cost_NobodyLacksPages_ComputesNothingTwice()
    {
        PolicyRun cost = Run(PausePolicy.Cost, 8, 0.05, 0.5);

        // The last of the prompt's rows and of each turn's evidence follow from the scripts: as without any pause.
        Assert.Equal(Run(PausePolicy.Keep, 2, 0.05, 0.5).Rows, cost.Rows);
        Assert.Equal(0, cost.Preemptions);
    }

    private static PolicyRun Run(PausePolicy policy, int clients, double shortest, double longest) =>
        new PolicyLoad(policy, clients, Pages, shortest, longest).Run();
}
