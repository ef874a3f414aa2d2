namespace PixSearch.Tensors.Tests;

/// <summary>
/// Runs a case on the reference twin and on every kernel set of this machine, from the same seed, and compares all
/// results. Both runs must give every buffer back.
/// </summary>
internal static class Conformance
{
    /// <summary>Sizes around the widths of vectors and tiles.</summary>
    public static readonly int[] Sizes = [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 31, 32, 33, 63, 64, 65];

    /// <summary>One case: makes its sources from the numbers, returns results.</summary>
    public delegate IEnumerable<Tensor> Case(IGradientBackend backend, TestNumbers numbers);

    /// <summary>Every backend under test by name.</summary>
    public static IEnumerable<string> Backends => CpuBackend.KernelNames;

    /// <summary>Compares with a tolerance relative to the largest magnitude of each result.</summary>
    public static void Check(string name, ulong seed, Case run, float tolerance = 2e-5f)
    {
        List<float[]> expected = Results(new ReferenceBackend(), seed, run);
        foreach (string kernels in Backends)
        {
            List<float[]> actual = Results(new CpuBackend(kernels), seed, run);
            Assert.Equal(expected.Count, actual.Count);
            for (int r = 0; r < expected.Count; r++)
            {
                Compare($"{name}, {kernels}, seed {seed}, result {r}", expected[r], actual[r], tolerance);
            }
        }
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

    private static List<float[]> Results(HostBackend backend, ulong seed, Case run)
    {
        List<float[]> results = [];
        using (backend)
        {
            using (new TensorScope())
            {
                foreach (Tensor tensor in run(backend, new TestNumbers(seed)))
                {
                    results.Add(tensor.Span.ToArray());
                }
            }

            Assert.Equal(0, backend.Memory.OutstandingCount);
        }

        return results;
    }
}
