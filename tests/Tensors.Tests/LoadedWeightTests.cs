namespace PixSearch.Tensors.Tests;

// Goal: a weight that is read in pieces is the same as one packed as a whole, in every kernel set, and needs no more
// memory than its panels and one piece.
public sealed class LoadedWeightTests
{
    // 17,000 columns make pieces of 64 rows, the smallest.
    [Theory]
    [InlineData(37, 45)]
    [InlineData(150, 17_000)]
    [InlineData(1, 1)]
    public void Load_InPieces_GivesTheNumbersThatPrepareGives(int output, int input)
    {
        float[] numbers = Numbers(output * input);
        foreach (string kernels in CpuBackend.KernelNames)
        {
            using var backend = new CpuBackend(kernels);
            foreach (WeightType type in Enum.GetValues<WeightType>())
            {
                using var scope = new TensorScope();
                using Weight whole = new("w", backend.From(numbers, new Shape(output, input)));
                backend.Prepare(whole, type);

                using Weight pieces = backend.Load("w", whole.Shape, type, Reader(numbers));

                Assert.Null(pieces.Plain);
                Assert.Equal(type, pieces.Type);
                Assert.True(backend.Use(whole).Span.SequenceEqual(backend.Use(pieces).Span), $"{kernels} {type}");
            }
        }
    }

    [Fact]
    public void Load_Plain_KeepsEveryNumberOnEveryBackend()
    {
        float[] numbers = Numbers(3 * 5 * 7);
        foreach (IBackend backend in new IBackend[] { new CpuBackend(), new ReferenceBackend() })
        {
            using (backend)
            {
                using Weight weight = backend.Load("w", new Shape(3, 5, 7), null, Reader(numbers));
                Assert.Equal(numbers, weight.Plain!.Span.ToArray());
            }
        }
    }

    [Fact]
    public void Load_BF16_NeedsItsPanelsAndOnePiece()
    {
        const int Rows = 16384;
        const int Width = 2048;
        const long Panels = 2L * Rows * Width;
        const long Piece = 4L << 20;
        using var memory = new NativePool(Panels + Piece);
        using var backend = new CpuBackend(null, memory);

        using Weight weight = backend.Load("w", new Shape(Rows, Width), WeightType.BF16, (_, piece) => piece.Fill(1));

        Assert.Equal(Panels, memory.OutstandingBytes);
    }

    [Fact]
    public void Load_ReaderThrows_GivesTheMemoryBack()
    {
        using var backend = new CpuBackend();
        foreach (WeightType? packed in new WeightType?[] { null, WeightType.BF16 })
        {
            Assert.Throws<InvalidDataException>(() => backend.Load("w", new Shape(64, 64), packed,
                (_, _) => throw new InvalidDataException()));
        }

        Assert.Equal(0, backend.Memory.OutstandingCount);
    }

    private static WeightReader Reader(float[] numbers) =>
        (start, piece) => numbers.AsSpan((int)start, piece.Length).CopyTo(piece);

    private static float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(i => MathF.Sin(i * 0.37f))];
}
