using System.CommandLine;
using PixSearch.Abstractions;
using PixSearch.Tensors;

namespace PixSearch.Cli;

/// <summary>The option <c>--backend</c> of commands that compute.</summary>
internal static class BackendChoice
{
    private const string Best = "cpu";
    private const string Reference = "reference";

    /// <summary>The option; without it the best CPU kernels, or those that PIXSEARCH_KERNELS names.</summary>
    public static Option<string> Option() => new("--backend")
    {
        Description = $"Where to compute: {string.Join(", ", Names)}.",
        DefaultValueFactory = _ => Best,
    };

    /// <summary>All names, the default first.</summary>
    public static IReadOnlyList<string> Names { get; } = [Best, .. CpuBackend.KernelNames, Reference];

    /// <summary>A backend by name; an unknown one is bad input.</summary>
    public static IBackend Create(string? name) => name switch
    {
        null or Best => CpuBackend.Create(),
        Reference => new ReferenceBackend(),
        _ when CpuBackend.KernelNames.Contains(name) => new CpuBackend(name),
        _ => throw new PixException(PixErrorKind.InvalidArgument,
            $"--backend is '{name}'; this machine has {string.Join(", ", Names)}."),
    };
}
