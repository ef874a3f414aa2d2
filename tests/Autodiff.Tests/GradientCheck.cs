using PixSearch.Abstractions;
using PixSearch.Tensors;

namespace PixSearch.Autodiff.Tests;

/// <summary>
/// Compares gradients with central differences. The function is reduced to a number by a fixed random projection,
/// summed in double; the operations themselves are F32, so with step h the error is about h^2 f''' / 6 + 1e-7 |f| / h:
/// for h = 5e-3 and values near 1, some 1e-4. The tolerance asked for is <see cref="Tolerance"/>, relative to the
/// largest gradient of the same array or 1, whichever is more.
/// </summary>
internal static class GradientCheck
{
    public const double Tolerance = 2e-3;
    private const float Step = 5e-3f;
    private const int ElementsMax = 40;

    /// <summary>Checks every input and every trainable weight.</summary>
    public static void Run(IGradientBackend inner, Shape[] inputs, Weight[] weights,
        Func<AutodiffBackend, Tensor[], Tensor> function, ulong seed = 1, Func<SeededRandom, float>? draw = null)
    {
        using var scope = new TensorScope();
        var random = new SeededRandom(seed);
        draw ??= source => (float)source.NextDouble(-1, 1);
        Tensor[] values = [.. inputs.Select(shape => inner.From(Numbers(random, shape.Count, draw), shape))];
        using var backend = new AutodiffBackend(inner);
        foreach (Tensor value in values)
        {
            backend.Follow(value);
        }

        Tensor y = function(backend, values);
        float[] projection = Numbers(random, y.Count, source => (float)source.NextDouble(-1, 1));
        Tensor flat = backend.Reshape(y, new Shape(y.Count));
        Tensor loss = backend.Sum(backend.Multiply(flat, inner.From(projection, flat.Shape)), 0);
        backend.Backward(loss);
        double Evaluate()
        {
            using var region = backend.NoGradient();
            using var step = new TensorScope();
            float[] result = new float[projection.Length];
            inner.Read(function(backend, values), result);
            return result.Select((number, i) => (double)number * projection[i]).Sum();
        }

        for (int i = 0; i < values.Length; i++)
        {
            Tensor gradient = backend.GradientOf(values[i]) ?? throw new InvalidOperationException(
                $"Input {i} got none.");
            Compare($"input {i}", values[i].Span, gradient, Evaluate, () => { }, random);
        }

        foreach (Weight weight in weights)
        {
            Compare(weight.Name, weight.Plain!.Span, backend.GradientOf(weight), Evaluate, () => weight.Version++,
                random);
        }
    }

    /// <summary>A trainable weight of random numbers.</summary>
    public static Weight Weight(IGradientBackend backend, string name, int seed, params int[] sizes)
    {
        var shape = new Shape(sizes);
        float[] numbers = Numbers(new SeededRandom((ulong)seed), shape.Count, random => (float)random.NextDouble(-1,
            1));
        return new Weight(name, backend.From(numbers, shape)) { Trainable = true };
    }

    private static void Compare(string name, Span<float> values, Tensor gradient, Func<double> evaluate, Action changed,
        SeededRandom random)
    {
        int[] chosen = [.. Enumerable.Range(0, values.Length)];
        random.Shuffle<int>(chosen);
        float[] analytic = gradient.Span.ToArray();
        double scale = Math.Max(1, analytic.Max(Math.Abs));
        foreach (int i in chosen.Take(ElementsMax))
        {
            float original = values[i];
            float up = original + Step;
            float down = original - Step;
            values[i] = up;
            changed();
            double above = evaluate();
            values[i] = down;
            changed();
            double below = evaluate();
            values[i] = original;
            changed();
            double numeric = (above - below) / ((double)up - down);
            Assert.True(Math.Abs(numeric - analytic[i]) <= Tolerance * scale,
                $"{name}[{i}]: finite difference {numeric:g6}, gradient {analytic[i]:g6}, scale {scale:g3}");
        }
    }

    private static float[] Numbers(SeededRandom random, int count, Func<SeededRandom, float> draw)
    {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++)
        {
            numbers[i] = draw(random);
        }

        return numbers;
    }
}
