using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using PixSearch.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace PixSearch.Training.Optimization;

/// <summary>Settings of <see cref="AdamW"/>.</summary>
public sealed record AdamWOptions
{
    /// <summary>Decay of the mean of gradients.</summary>
    public float Beta1 { get; init; } = 0.9f;

    /// <summary>Decay of the mean of squared gradients (the paper's 0.95 forgets faster than the usual
    /// 0.999).</summary>
    public float Beta2 { get; init; } = 0.95f;

    /// <summary>Added to the root of the mean square.</summary>
    public float Epsilon { get; init; } = 1e-8f;

    /// <summary>Decay of weights, apart from gradients; applied to weights of two and more dimensions only.</summary>
    public float WeightDecay { get; init; }
}

/// <summary>
/// AdamW (Loshchilov and Hutter 2019): <c>m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
/// w -= lr (mHat / (sqrt(vHat) + e) + decay w)</c>. Weights and moments are host memory. A step is shared among the
/// kernels' threads; each element is computed by itself, so the results are the same for any number of them.
/// </summary>
public sealed class AdamW
{
    // Elements of a task: 28 bytes each are moved, so some 100 us of one thread.
    private const int PieceElements = 65536;

    private readonly AdamWOptions _options;
    private readonly List<Piece> _pieces = [];

    /// <summary>An optimizer with zero moments for these weights.</summary>
    public AdamW(IEnumerable<Weight> weights, AdamWOptions options)
    {
        _options = options;
        Slots = [.. weights.Select(weight => new Moments(weight))];
    }

    /// <summary>Steps taken so far; the bias correction depends on it.</summary>
    public long StepCount { get; set; }

    /// <summary>The moments, in the order of the weights.</summary>
    public IReadOnlyList<Moments> Slots { get; }

    /// <summary>Changes every weight by its gradient times <paramref name="gradientScale"/> (clipping).</summary>
    /// <param name="gradientOf">Gradient of a weight, or null for a weight that took no part (it is left
    /// alone).</param>
    /// <param name="learningRate">Of this step.</param>
    /// <param name="gradientScale">1, or less where the global norm was clipped.</param>
    public void Step(Func<Weight, Tensor?> gradientOf, float learningRate, float gradientScale = 1)
    {
        StepCount++;
        float correct1 = 1 - MathF.Pow(_options.Beta1, StepCount);
        float correct2 = 1 - MathF.Pow(_options.Beta2, StepCount);
        var factors = new Factors(gradientScale, learningRate / correct1, 1 / MathF.Sqrt(correct2));
        _pieces.Clear();
        foreach (Moments slot in Slots)
        {
            if (gradientOf(slot.Weight) is { } gradient)
            {
                float decay = slot.Weight.Shape.Rank >= 2 ? 1 - (learningRate * _options.WeightDecay) : 1;
                for (int start = 0; start < slot.Mean.Length; start += PieceElements)
                {
                    _pieces.Add(new Piece(slot, gradient, start, Math.Min(PieceElements, slot.Mean.Length - start),
                        decay));
                }

                slot.Weight.Version++;
            }
        }

        SharedWork.Run(_pieces.Count, i => Update(_pieces[i], factors));
        _pieces.Clear();
    }

    private void Update(in Piece piece, Factors factors)
    {
        (int start, int count) = (piece.Start, piece.Count);
        Update(piece.Slot.Weight.Plain!.Span.Slice(start, count), piece.Gradient.Span.Slice(start, count),
            piece.Slot.Mean.AsSpan(start, count), piece.Slot.Square.AsSpan(start, count), factors, piece.Decay);
    }

    private void Update(Span<float> weight, ReadOnlySpan<float> gradient, Span<float> mean, Span<float> square,
        Factors factors, float decay)
    {
        int i = 0;
        for (; i <= weight.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            // The same operations in the same order as the scalar tail: results do not depend on where a weight is cut.
            Vector256<float> g = Load(gradient, i) * factors.GradientScale;
            Vector256<float> m = (Load(mean, i) * _options.Beta1) + (g * (1 - _options.Beta1));
            Vector256<float> v = (Load(square, i) * _options.Beta2) + (g * g * (1 - _options.Beta2));
            Vector256<float> root = (Vector256.Sqrt(v) * factors.RootScale) + Vector256.Create(_options.Epsilon);
            Store((Load(weight, i) * decay) - (m * factors.Rate / root), weight, i);
            Store(m, mean, i);
            Store(v, square, i);
        }

        for (; i < weight.Length; i++)
        {
            float g = gradient[i] * factors.GradientScale;
            mean[i] = (mean[i] * _options.Beta1) + (g * (1 - _options.Beta1));
            square[i] = (square[i] * _options.Beta2) + (g * g * (1 - _options.Beta2));
            float root = (MathF.Sqrt(square[i]) * factors.RootScale) + _options.Epsilon;
            weight[i] = (weight[i] * decay) - (mean[i] * factors.Rate / root);
        }
    }

    private static Vector256<float> Load(ReadOnlySpan<float> values, int at) =>
        Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(values), (nuint)at);

    private static void Store(Vector256<float> value, Span<float> destination, int at) =>
        value.StoreUnsafe(ref MemoryMarshal.GetReference(destination), (nuint)at);

    /// <summary>Scalars of one step: the gradient's factor, rate / (1 - b1^t), 1 / sqrt(1 - b2^t).</summary>
    private readonly record struct Factors(float GradientScale, float Rate, float RootScale);

    /// <summary>A part of a weight's update: some elements of it.</summary>
    private readonly record struct Piece(Moments Slot, Tensor Gradient, int Start, int Count, float Decay);

    /// <summary>Moments of one weight.</summary>
    public sealed class Moments(Weight weight)
    {
        /// <summary>The weight.</summary>
        public Weight Weight { get; } = weight;

        /// <summary>Decaying mean of gradients; as long as the weight.</summary>
        public float[] Mean { get; } = new float[weight.Shape.Count];

        /// <summary>Decaying mean of squared gradients; as long as the weight.</summary>
        public float[] Square { get; } = new float[weight.Shape.Count];
    }
}

/// <summary>Clipping by the norm over all gradients together (Pascanu et al. 2013).</summary>
public static class GradientClip
{
    /// <summary>
    /// The norm of all gradients as one vector. Each gradient's squares are summed by one thread, and the sums in
    /// double in the order of the gradients: the same for any number of threads.
    /// </summary>
    public static double GlobalNorm(IEnumerable<Tensor> gradients)
    {
        Tensor[] all = [.. gradients];
        double[] squares = new double[all.Length];
        SharedWork.Run(all.Length, i => squares[i] = TensorPrimitives.SumOfSquares(all[i].Span));
        double sum = 0;
        foreach (double square in squares)
        {
            sum += square;
        }

        return Math.Sqrt(sum);
    }

    /// <summary>The factor that brings a norm down to a limit: 1 when it is below; 0 when it is not finite.</summary>
    public static float Scale(double norm, float normMax) =>
        !double.IsFinite(norm) ? 0 : norm > normMax ? (float)(normMax / norm) : 1;
}
