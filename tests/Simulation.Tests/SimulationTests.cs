using System.Globalization;

namespace PixSearch.Simulation;

/// <summary>
/// Seeds of <see cref="EngineSimulation"/>: random arrivals, cancels, slow readers, slow, failing and silent
/// retrieval, too few pages, poisoned requests, and a process that dies between steps and before a commit.
/// <c>PIXSEARCH_SIMULATION_SEEDS=N</c> runs N
/// seeds instead of 500; <c>PIXSEARCH_SIMULATION_FIRST=S</c> begins at S, to replay a seed that failed.
/// </summary>
public sealed class SimulationTests
{
    [Fact]
    public async Task Simulation_ManySeeds_KeepsEveryInvariant()
    {
        int seeds = Setting("PIXSEARCH_SIMULATION_SEEDS", 500);
        int first = Setting("PIXSEARCH_SIMULATION_FIRST", 1);
        (long preemptions, int crashes, int refused, int finished) = (0, 0, 0, 0);
        for (int seed = first; seed < first + seeds; seed++)
        {
            try
            {
                var simulation = new EngineSimulation((ulong)seed);
                await simulation.RunAsync();
                preemptions += simulation.Preemptions;
                crashes += simulation.Crashes;
                refused += simulation.Refused;
                finished += simulation.Answered;
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"Seed {seed}: {error.Message}", error);
            }
        }

        // A simulation that meets nothing proves nothing.
        bool small = seeds < 100;
        Assert.True(small
            || (preemptions > seeds / 2 && crashes > seeds / 2 && refused > seeds / 4 && finished > seeds * 3),
            $"{preemptions} preemptions, {crashes} crashes, {refused} refused, {finished} finished");
    }

    [Theory]
    [InlineData(3)]
    [InlineData(17)]
    [InlineData(42)]
    public async Task Simulation_SameSeed_GivesTheSameBytes(int seed)
    {
        string first = await new EngineSimulation((ulong)seed).RunAsync();
        string second = await new EngineSimulation((ulong)seed).RunAsync();

        Assert.Equal(first, second);
        Assert.NotEqual(first, await new EngineSimulation((ulong)seed + 1).RunAsync());
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out int value) ? value
            : otherwise;
}
