using PixSearch.Tensors;

namespace PixSearch.Models.Tests;

/// <summary>Every backend that this machine can run; parity tests go through all of them.</summary>
internal static class Backends
{
    public static IReadOnlyList<string> Names { get; } = [.. CpuBackend.KernelNames, "reference"];

    public static IBackend Create(string name) =>
        name == "reference" ? new ReferenceBackend() : new CpuBackend(name);
}
