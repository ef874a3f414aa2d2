namespace PixSearch.Retrieval.Tests;

/// <summary>
/// Goal: exact search is exact. Method: the readable twin, over sizes round vector widths and the threshold of threads.
/// </summary>
public sealed class VectorTableTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(7, 3, 10)]
    [InlineData(100, 15, 5)]
    [InlineData(100, 16, 5)]
    [InlineData(100, 17, 100)]
    [InlineData(1000, 128, 7)]
    [InlineData(130_000, 129, 20)]
    public void Search_RandomRows_EqualsReference(int rows, int dimension, int count)
    {
        var table = new VectorTable(UnitRows(rows, dimension, 7), dimension);
        float[] query = UnitRows(1, dimension, 99);
        IReadOnlyList<Neighbour> expected = table.SearchReference(query, count);
        IReadOnlyList<Neighbour> actual = table.Search(query, count);
        Assert.Equal(expected.Count, actual.Count);
        for (int i = 0; i < expected.Count; i++)
        {
            // Two rows may swap when their scores are equal but for rounding; the score at each rank may not.
            Assert.Equal(expected[i].Score, actual[i].Score, 5);
        }

        Assert.Equal(expected[0].Row, actual[0].Row);
    }

    [Fact]
    public void Search_EqualScores_KeepsRowOrder()
    {
        var table = new VectorTable([1, 0, 0, 1, 1, 0, 1, 0, 1, 0], 2);
        Assert.Equal([0, 2, 3], table.Search([1, 0], 3).Select(one => one.Row));
    }

    [Fact]
    public void Search_WrongDimension_Throws() =>
        Assert.Throws<ArgumentException>(() => new VectorTable(new float[8], 4).Search(new float[3], 1));

    private static float[] UnitRows(int rows, int dimension, ulong seed)
    {
        var values = new float[rows * dimension];
        ulong state = seed;
        for (int i = 0; i < values.Length; i++)
        {
            state = (state * 6364136223846793005) + 1442695040888963407;
            values[i] = ((state >> 40) / (float)(1 << 24)) - 0.5f;
        }

        for (int row = 0; row < rows; row++)
        {
            Span<float> one = values.AsSpan(row * dimension, dimension);
            System.Numerics.Tensors.TensorPrimitives.Divide(one,
                System.Numerics.Tensors.TensorPrimitives.Norm<float>(one), one);
        }

        return values;
    }
}
