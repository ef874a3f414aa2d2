using PixSearch.Tensors.Benchmarks;

namespace PixSearch.Cli.Bench.Decode;

/// <summary>Rates of one kind of work.</summary>
/// <param name="Own">Tokens a second of the CPU engine.</param>
/// <param name="Peer">Those of the other engine; null where it was not there.</param>
/// <param name="Ratio">Median over the rounds of own to peer.</param>
internal readonly record struct DecodeRate(double Own, double? Peer, double? Ratio);

/// <summary>
/// Times engines on the same work in turns: each round runs one, waits for its threads to sleep (they spin for a
/// while, and would take the other's cores), and runs the other.
/// </summary>
internal sealed class DecodeBenchmark(IDecoder own, IDecoder? peer, int vocabulary, int rounds, BenchClock clock)
{
    /// <summary>Tokens of a prefill.</summary>
    public const int PrefillTokens = 512;

    private const int PromptTokens = 128;

    /// <summary>Turns before which some thread did not go to sleep, so that their rates are suspect.</summary>
    public int RestlessTurns { get; private set; }

    /// <summary>Decoding of a batch from a context of 128 tokens on: medians over the steps of each round.</summary>
    public DecodeRate Decode(int batch, int steps)
    {
        int each = Math.Max(1, steps / rounds);
        int[] tokens = Tokens(batch, 1);
        foreach (IDecoder decoder in Decoders())
        {
            decoder.Open(batch, PromptTokens + ((rounds + 1) * each));
            for (int s = 0; s < batch; s++)
            {
                decoder.Prefill(s, 0, Tokens(PromptTokens, s));
            }
        }

        int[] next = new int[batch];

        // Round 0 warms caches and branch predictors and is not counted.
        return InTurns((decoder, round) =>
        {
            double[] seconds = new double[each];
            for (int step = 0; step < each; step++)
            {
                double start = clock.Now;
                decoder.Step(PromptTokens + (round * each) + step, tokens, next);
                seconds[step] = (clock.Now - start) / 1e3;
            }

            return batch / Median(seconds);
        });
    }

    /// <summary>One prompt of 512 tokens.</summary>
    public DecodeRate Prefill()
    {
        int[] tokens = Tokens(PrefillTokens, 3);
        foreach (IDecoder decoder in Decoders())
        {
            decoder.Open(1, PrefillTokens);
        }

        return InTurns((decoder, _) =>
        {
            double start = clock.Now;
            decoder.Prefill(0, 0, tokens);
            return PrefillTokens * 1e3 / (clock.Now - start);
        });
    }

    /// <summary>
    /// How far the two engines' logits are apart behind one prompt, as a share of the largest: that they compute the
    /// same thing.
    /// </summary>
    public double Difference()
    {
        foreach (IDecoder decoder in Decoders())
        {
            decoder.Open(1, PromptTokens);
            decoder.Prefill(0, 0, Tokens(PromptTokens, 5));
        }

        float[] a = own.LastLogits();
        float[] b = peer!.LastLogits();
        return a.Zip(b, (x, y) => Math.Abs(x - y)).Max() / a.Max(Math.Abs);
    }

    private DecodeRate InTurns(Func<IDecoder, int, double> run)
    {
        double[] ours = new double[rounds];
        double[] theirs = new double[rounds];
        for (int round = 0; round <= rounds; round++)
        {
            foreach (IDecoder decoder in Decoders())
            {
                RestlessTurns += ThreadRest.IsReached() ? 0 : 1;
                double rate = run(decoder, round);
                if (round > 0)
                {
                    (decoder == own ? ours : theirs)[round - 1] = rate;
                }
            }
        }

        return peer is null
            ? new DecodeRate(Median(ours), null, null)
            : new DecodeRate(Median(ours), Median(theirs), Median([.. ours.Zip(theirs, (a, b) => a / b)]));
    }

    private IEnumerable<IDecoder> Decoders() => peer is null ? [own] : [own, peer];

    private int[] Tokens(int count, int seed) =>
        [.. Enumerable.Range(0, count).Select(i => ((i * 37) + (seed * 101)) % vocabulary)];

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
