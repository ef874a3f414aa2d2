using PixSearch.Abstractions;
using PixSearch.Inference.Placement;
using Xunit.Abstractions;

namespace PixSearch.Simulation;

/// <summary>
/// How well sessions are placed in clusters that no test can start. Real placement code over model engines: each works
/// off its queue at a constant speed, sessions arrive at random at 80 % of what all engines can do, costs are
/// exponential, reports come once a second. The figures of docs/scale.md are this test's output.
/// </summary>
public sealed class PlacementSimulation(ITestOutputHelper output)
{
    private const double CostMean = 400;
    private const double Speed = 400;
    private const double Load = 0.8;
    private const int Pages = 100;

    [Theory]
    [InlineData(3, 20_000)]
    [InlineData(10, 20_000)]
    [InlineData(100, 30_000)]
    [InlineData(1000, 40_000)]
    public void Place_AtEightyPercent_WaitsLittle(int engines, int sessions)
    {
        (double mean, double late) = Run(engines, sessions, (view, wish, random) =>
            int.Parse(EngineChoice.Pick(view, wish, random)!.Engine));
        (double randomMean, double randomLate) = Run(engines, sessions,
            (view, _, random) => random.NextInt(view.Length));
        (double herdMean, double herdLate) = engines > 100 ? (double.NaN, double.NaN) : Run(engines, sessions,
            (view, wish, random) => EngineChoice.Pick(view, wish, random.NextDouble()));
        output.WriteLine($"{engines} engines, seconds of waiting, mean and 99th percentile: "
            + $"placed {mean:0.00} {late:0.0}; at random {randomMean:0.00} {randomLate:0.0}; "
            + $"best of all reports {herdMean:0.00} {herdLate:0.0}");

        // Random placement is M/M/1: at 80 % a session waits 4 service times, here 4 s, in the long run.
        Assert.InRange(mean, 0, randomMean * 0.6);
        Assert.InRange(late, 0, randomLate * 0.75);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(1000)]
    public void Place_PictureHeldBySome_GoesToAHolder(int engines)
    {
        var random = new SeededRandom(5);
        EngineLoad[] view = [.. Enumerable.Range(0, engines).Select(i => Engine(i, 0, i < 3 ? "picture" : ""))];
        var wish = new EngineWish("", "picture", 300, 256);
        Assert.All(Enumerable.Range(0, 200), _ =>
            Assert.InRange(int.Parse(EngineChoice.Pick(view, wish, random)!.Engine), 0, 2));
    }

    private static (double Mean, double Late) Run(int engines, int sessions,
        Func<EngineLoad[], EngineWish, SeededRandom, int> place)
    {
        var random = new SeededRandom(1);
        var queued = new double[engines];
        var at = new double[engines];
        var waits = new List<double>(sessions);
        EngineLoad[] view = [];
        double now = 0;
        double reported = double.NegativeInfinity;
        for (int i = 0; i < sessions; i++)
        {
            now += Exponential(random) * CostMean / (Load * engines * Speed);
            if (now - reported >= 1)
            {
                for (int engine = 0; engine < engines; engine++)
                {
                    Work(engine);
                }

                view = [.. queued.Select((cost, engine) => Engine(engine, cost, ""))];
                reported = now;
            }

            double cost = Exponential(random) * CostMean;
            int chosen = place(view, new EngineWish("", "", cost, 0), random);
            Work(chosen);
            waits.Add(queued[chosen] / Speed);
            queued[chosen] += cost;
        }

        waits.Sort();
        return (waits.Average(), waits[(int)(waits.Count * 0.99)]);

        void Work(int engine)
        {
            queued[engine] = Math.Max(0, queued[engine] - (Speed * (now - at[engine])));
            at[engine] = now;
        }
    }

    private static double Exponential(SeededRandom random) => -Math.Log(1 - random.NextDouble());

    private static EngineLoad Engine(int number, double queued, string picture) =>
        new($"{number}", new HashSet<string>(), Pages, Pages, queued, new HashSet<string> { picture }, false);
}
