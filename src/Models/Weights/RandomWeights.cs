using PixSearch.Abstractions;
using PixSearch.Tensors;

namespace PixSearch.Models.Weights;

/// <summary>
/// New weights for training. Each weight has a random stream of its own, derived from the seed and its name, so that
/// adding a module leaves the others' numbers as they were.
/// </summary>
public sealed class RandomWeights(IBackend backend, ulong seed) : IWeightSource
{
    /// <inheritdoc/>
    public bool Contains(string name) => true;

    /// <inheritdoc/>
    public Weight Create(string name, Shape shape, WeightInit init)
    {
        float[] numbers = new float[shape.Count];
        Fill(numbers, SeededRandom.ForStream(seed, HashOf(name)), init);
        return new Weight(name, backend.From(numbers, shape)) { Trainable = init.Trainable };
    }

    private static void Fill(Span<float> numbers, SeededRandom random, WeightInit init)
    {
        switch (init.Kind)
        {
            case WeightInitKind.Zeros:
                break;
            case WeightInitKind.Constant:
                numbers.Fill(init.Scale);
                break;
            case WeightInitKind.Normal:
                foreach (ref float number in numbers)
                {
                    number = (float)(random.NextGaussian() * init.Scale);
                }

                break;
            case WeightInitKind.Uniform:
                foreach (ref float number in numbers)
                {
                    number = (float)random.NextDouble(-init.Scale, init.Scale);
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(init), init.Kind, "Unknown kind of initialisation.");
        }
    }

    // FNV-1a, 64 bits: string.GetHashCode differs from run to run.
    private static ulong HashOf(string name)
    {
        ulong hash = 14695981039346656037;
        foreach (char c in name)
        {
            hash = (hash ^ c) * 1099511628211;
        }

        return hash;
    }
}
