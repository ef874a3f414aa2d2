namespace PixSearch.Tensors;

/// <summary>What the environment says about kernels; read once.</summary>
internal static class KernelSettings
{
    /// <summary>
    /// Override of the ranked choice: <c>reference</c>, <c>scalar</c>, <c>vector128</c>, <c>avx2</c>, <c>avx512</c>,
    /// <c>avx512-dot</c>.
    /// </summary>
    public const string KernelsVariable = "PIXSEARCH_KERNELS";

    /// <summary>Number of threads, the calling one included; default: all cores of the process.</summary>
    public const string ThreadsVariable = "PIXSEARCH_THREADS";

    /// <summary>Name of the wanted kernels; null for the best.</summary>
    public static string? Kernels { get; } = Environment.GetEnvironmentVariable(KernelsVariable);

    /// <summary>Threads to use.</summary>
    public static int ThreadCount { get; } =
        int.TryParse(Environment.GetEnvironmentVariable(ThreadsVariable), out int count) && count > 0
            ? count
            : Environment.ProcessorCount;
}
