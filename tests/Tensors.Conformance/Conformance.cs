namespace PixSearch.Tensors.Conformance;

/// <summary>
/// Runs a case on the reference twin and on every backend of <see cref="BackendsUnderTest"/>, from the same seed, and
/// compares all results. Every run must give every buffer back. The suite is compiled into the test project of each
/// kind of backend, which says there what its backends are.
/// </summary>
internal static class Conformance
{
    /// <summary>Sizes around the widths of vectors and tiles.</summary>
    public static readonly int[] Sizes = [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 31, 32, 33, 63, 64, 65];

    /// <summary>One case: makes its sources from the numbers, returns results.</summary>
    public delegate IEnumerable<Tensor> Case(IGradientBackend backend, TestNumbers numbers);

    /// <summary>Compares with a tolerance relative to the largest magnitude of each result.</summary>
    public static void Check(string name, ulong seed, Case run, float tolerance = 2e-5f)
    {
        List<float[]> expected = Results(new ReferenceBackend(), seed, run);
        foreach (string backend in BackendsUnderTest.Names)
        {
            List<float[]> actual = Results(BackendsUnderTest.Create(backend), seed, run);
            Assert.Equal(expected.Count, actual.Count);
            for (int r = 0; r < expected.Count; r++)
            {
                Compare($"{name}, {backend}, seed {seed}, result {r}", expected[r], actual[r], tolerance);
            }
        }
    }

    /// <summary>The elements of a tensor, wherever they are.</summary>
    public static float[] Numbers(IBackend backend, Tensor tensor)
    {
        float[] numbers = new float[tensor.Count];
        backend.Read(tensor, numbers);
        return numbers;
    }

    private static void Compare(string what, float[] expected, float[] actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        float scale = Math.Max(1, expected.Select(Math.Abs).DefaultIfEmpty(0).Max());
        for (int i = 0; i < expected.Length; i++)
        {
            bool near = Math.Abs(expected[i] - actual[i]) <= tolerance * scale;
            Assert.True(near, $"{what}, element {i} of {expected.Length}: expected {expected[i]}, got {actual[i]}");
        }
    }

    private static List<float[]> Results(IGradientBackend backend, ulong seed, Case run)
    {
        List<float[]> results = [];
        using (backend)
        {
            using (new TensorScope())
            {
                foreach (Tensor tensor in run(backend, new TestNumbers(seed)))
                {
                    results.Add(Numbers(backend, tensor));
                }
            }

            Assert.Equal(0, BackendsUnderTest.Outstanding(backend));
        }

        return results;
    }
}
