namespace PixSearch.Tensors.Conformance;

/// <summary>The conformance suite runs on every kernel set of this machine.</summary>
internal static class BackendsUnderTest
{
    /// <summary>Why none of them can run; null where they can.</summary>
    public static string? Missing => null;

    /// <summary>Their names, best first.</summary>
    public static IReadOnlyList<string> Names => CpuBackend.KernelNames;

    /// <summary>A backend by name, with a limit of its memory in bytes.</summary>
    public static IGradientBackend Create(string name, long bytesMax = long.MaxValue) =>
        new CpuBackend(name, new NativePool(bytesMax));

    /// <summary>Buffers that it handed out and that were not given back.</summary>
    public static int Outstanding(IBackend backend) => ((HostBackend)backend).Memory.OutstandingCount;
}
