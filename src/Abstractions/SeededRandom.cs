using System.Numerics;

namespace PixSearch.Abstractions;

/// <summary>
/// The project's source of chance: xoshiro256** (Blackman and Vigna 2018), seeded through SplitMix64. Its stream is
/// specified (unlike <see cref="Random"/>'s), so that equal seeds give equal data sets and equal training runs on every
/// runtime. The state is 256 bits and can be saved and restored. Used by one thread at a time.
/// </summary>
public sealed class SeededRandom
{
    private ulong _s0;
    private ulong _s1;
    private ulong _s2;
    private ulong _s3;

    /// <summary>A source whose stream depends only on the seed.</summary>
    public SeededRandom(ulong seed)
    {
        _s0 = SplitMix(ref seed);
        _s1 = SplitMix(ref seed);
        _s2 = SplitMix(ref seed);
        _s3 = SplitMix(ref seed);
    }

    /// <summary>A source that continues where a saved one was.</summary>
    /// <exception cref="ArgumentException">All four words are 0, which is no state of the generator.</exception>
    public SeededRandom(SeededRandomState state)
    {
        if ((state.S0 | state.S1 | state.S2 | state.S3) == 0)
        {
            throw new ArgumentException("The state of a random source is not all zeros.", nameof(state));
        }

        (_s0, _s1, _s2, _s3) = (state.S0, state.S1, state.S2, state.S3);
    }

    /// <summary>All there is to know of the source; a new source made from it gives the same numbers.</summary>
    public SeededRandomState State => new(_s0, _s1, _s2, _s3);

    /// <summary>
    /// A source of its own for a numbered purpose (sample 17, worker 3): depends on the seed and the number only,
    /// not on how much was drawn elsewhere.
    /// </summary>
    public static SeededRandom ForStream(ulong seed, ulong stream)
    {
        ulong mixed = seed;
        _ = SplitMix(ref mixed);
        return new SeededRandom(mixed ^ SplitMix(ref stream));
    }

    /// <summary>64 uniform bits.</summary>
    public ulong NextUInt64()
    {
        ulong result = BitOperations.RotateLeft(_s1 * 5, 7) * 9;
        ulong shifted = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= shifted;
        _s3 = BitOperations.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>A uniform number in [0, max), without bias (Lemire 2019).</summary>
    /// <exception cref="ArgumentOutOfRangeException">max is less than 1.</exception>
    public int NextInt(int max)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        ulong limit = (ulong)max;
        ulong high = Math.BigMul(NextUInt64(), limit, out ulong low);
        if (low < limit)
        {
            // 2^64 mod limit: products whose low part is below it would make some results more likely than others.
            ulong threshold = (0 - limit) % limit;
            while (low < threshold)
            {
                high = Math.BigMul(NextUInt64(), limit, out low);
            }
        }

        return (int)high;
    }

    /// <summary>A uniform number in [min, max).</summary>
    public int NextInt(int min, int max) => min + NextInt(checked(max - min));

    /// <summary>A uniform number in [0, 1) with 53 bits.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A uniform number in [min, max).</summary>
    public double NextDouble(double min, double max) => min + ((max - min) * NextDouble());

    /// <summary>A uniform number in [0, 1) with 24 bits.</summary>
    public float NextSingle() => (NextUInt64() >> 40) * (1.0f / (1 << 24));

    /// <summary>True with the given probability.</summary>
    public bool NextBool(double probability = 0.5) => NextDouble() < probability;

    /// <summary>A number of the standard normal distribution (Box-Muller; two draws each, so that the state stays
    /// 256 bits).</summary>
    public double NextGaussian()
    {
        double radius = Math.Sqrt(-2 * Math.Log(1 - NextDouble()));
        return radius * Math.Cos(2 * Math.PI * NextDouble());
    }

    /// <summary>One of the items.</summary>
    public T Pick<T>(IReadOnlyList<T> items) => items[NextInt(items.Count)];

    /// <summary>Puts the items in a random order, each order equally likely (Fisher-Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = NextInt(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private static ulong SplitMix(ref ulong state)
    {
        ulong z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}

/// <summary>The saved state of a <see cref="SeededRandom"/>.</summary>
public readonly record struct SeededRandomState(ulong S0, ulong S1, ulong S2, ulong S3);
