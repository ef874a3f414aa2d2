using System.Numerics.Tensors;
using PixSearch.Abstractions;

namespace PixSearch.Inference.Sampling;

/// <summary>
/// Chooses a token from logits: greedy at temperature 0, else softmax(logits / temperature) cut to the top k and the
/// nucleus.
/// The random number of a position is a hash of (seed, position, attempt), not a stream: a session that resumes from
/// its log needs no generator state to go on with the same choices.
/// </summary>
public sealed class Sampler
{
    private float[] _values = [];
    private int[] _ids = [];

    /// <summary>
    /// The token. <paramref name="logits"/> is scratch afterwards where candidates had to be refused.
    /// </summary>
    /// <param name="logits">Shape: [vocabulary]. Not-finite values (other than -infinity) are a broken model:
    /// throws.</param>
    /// <param name="options">Validated sampling options.</param>
    /// <param name="position">Slot position of the token that is chosen.</param>
    /// <param name="forbids">Tokens that may not be chosen now; null for none.</param>
    public int Choose(Span<float> logits, SamplingOptions options, int position, Func<int, bool>? forbids)
    {
        CheckFinite(logits[TensorPrimitives.IndexOfMax(logits)]);
        for (int attempt = 0; attempt < logits.Length; attempt++)
        {
            int token = options.Temperature <= 0 ? Greedy(logits) : Sample(logits, options, position, attempt);
            if (forbids is null || !forbids(token))
            {
                return token;
            }

            logits[token] = float.NegativeInfinity;
        }

        throw new PixException(PixErrorKind.Internal, "Every token of the vocabulary is forbidden at this position.");
    }

    private static int Greedy(ReadOnlySpan<float> logits) => TensorPrimitives.IndexOfMax(logits);

    private int Sample(ReadOnlySpan<float> logits, SamplingOptions options, int position, int attempt)
    {
        int count = logits.Length;
        if (_values.Length < count)
        {
            (_values, _ids) = (new float[count], new int[count]);
        }

        float max = logits[Greedy(logits)];
        Span<float> weights = _values.AsSpan(0, count);
        Span<int> ids = _ids.AsSpan(0, count);
        int used = 0;
        for (int i = 0; i < count; i++)
        {
            // exp(-20) of the best is beyond what a 53-bit draw can tell apart from nothing in a nucleus: skipped
            // before sorting.
            float scaled = (logits[i] - max) / options.Temperature;
            if (scaled > -20)
            {
                (weights[used], ids[used]) = (-MathF.Exp(scaled), i);
                used++;
            }
        }

        // Negative weights sort the likeliest first; equal ones stand in the order of their ids only after this
        // tie-break.
        weights = weights[..used];
        ids = ids[..used];
        weights.Sort(ids);
        OrderTies(weights, ids);
        int kept = options.TopK > 0 ? Math.Min(options.TopK, used) : used;
        kept = Nucleus(weights[..kept], options.TopP);
        return Draw(weights[..kept], ids, Uniform(options.Seed, position, attempt));
    }

    private static void OrderTies(ReadOnlySpan<float> weights, Span<int> ids)
    {
        for (int start = 0; start < weights.Length;)
        {
            int end = start + 1;
            while (end < weights.Length && weights[end] == weights[start])
            {
                end++;
            }

            if (end - start > 1)
            {
                ids[start..end].Sort();
            }

            start = end;
        }
    }

    /// <summary>Number of leading candidates whose mass first reaches p of the whole.</summary>
    private static int Nucleus(ReadOnlySpan<float> weights, float p)
    {
        if (p >= 1)
        {
            return weights.Length;
        }

        double limit = 0;
        foreach (float weight in weights)
        {
            limit -= weight;
        }

        limit *= p;
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            sum -= weights[i];
            if (sum >= limit)
            {
                return i + 1;
            }
        }

        return weights.Length;
    }

    private static int Draw(ReadOnlySpan<float> weights, ReadOnlySpan<int> ids, double uniform)
    {
        double total = 0;
        foreach (float weight in weights)
        {
            total -= weight;
        }

        double target = uniform * total;
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            sum -= weights[i];
            if (target < sum)
            {
                return ids[i];
            }
        }

        return ids[weights.Length - 1];
    }

    /// <summary>A number in [0, 1) that depends on nothing but its arguments (SplitMix64's finaliser, twice).</summary>
    internal static double Uniform(ulong seed, int position, int attempt)
    {
        ulong mixed = Mix(seed + 0x9E3779B97F4A7C15UL * (ulong)(uint)(position + 1));
        mixed = Mix(mixed + 0xD1B54A32D192ED03UL * (ulong)(uint)(attempt + 1));
        return (mixed >> 11) * (1.0 / (1UL << 53));
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }

    private static void CheckFinite(float best)
    {
        if (!float.IsFinite(best))
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"The model's largest logit is {best}: its weights are broken (load a good checkpoint).");
        }
    }
}
