using System.Diagnostics;
using PixSearch.Abstractions;

namespace PixSearch.Silo.Bench;

/// <summary>Clients that ask one question after the other, each question another text of the same length.</summary>
/// <param name="Clients">How many ask at a time.</param>
/// <param name="Questions">Questions in all.</param>
internal sealed record BenchLoad(int Clients, int Questions)
{
    private const string Words = "the flag on the left of the red drum and the apple in the middle of the picture ";

    /// <summary>Runs the load; throws when an answer does not come to its end.</summary>
    public Task<Measurement> RunAsync(Func<string, Task<Sample>> ask) => RunAsync(ask, repeats: 3);

    /// <summary>One client and answers of a few tokens: what a question costs apart from its tokens.</summary>
    public Task<Measurement> RunShortAsync(Func<string, Task<Sample>> ask) =>
        new BenchLoad(1, Math.Max(8, Questions / 4)).RunAsync(ask, repeats: 0);

    private async Task<Measurement> RunAsync(Func<string, Task<Sample>> ask, int repeats)
    {
        int next = 0;
        var samples = new List<Sample>();
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(async () =>
        {
            for (int i = Interlocked.Increment(ref next); i <= Questions; i = Interlocked.Increment(ref next))
            {
                Sample sample = await ask($"{i:0000}: {string.Concat(Enumerable.Repeat(Words, repeats))}");
                lock (samples)
                {
                    samples.Add(sample);
                }
            }
        })));
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        int incomplete = samples.Count(sample => !sample.Complete);
        return incomplete == 0
            ? new Measurement(samples.Count / seconds, samples.Average(sample => sample.LastAt),
                samples.Sum(sample => sample.Texts) / seconds,
                samples.Average(sample => sample.FirstText), samples.Max(sample => sample.LongestPause))
            : throw new PixException(PixErrorKind.Internal, $"{incomplete} of {samples.Count} answers have no end.");
    }
}

/// <summary>What a load came to.</summary>
/// <param name="QuestionsPerSecond">Answers over the seconds of the whole load.</param>
/// <param name="SecondsPerQuestion">Mean over the answers.</param>
/// <param name="EventsPerSecond">Texts of all answers over the seconds of the whole load.</param>
/// <param name="FirstText">Seconds to an answer's first text, mean.</param>
/// <param name="LongestPause">Seconds of the longest silence of any answer.</param>
internal readonly record struct Measurement(double QuestionsPerSecond, double SecondsPerQuestion,
    double EventsPerSecond, double FirstText, double LongestPause);
