using PixSearch.Abstractions;
using PixSearch.Torch;

namespace PixSearch.Tensors.Conformance;

/// <summary>The conformance suite runs on TorchSharp: on the CPU, and on the first GPU where there is one.</summary>
internal static class BackendsUnderTest
{
    private static readonly Lazy<(string[] Names, string? Missing)> s_found = new(Find);

    /// <summary>Why none of them can run; null where they can.</summary>
    public static string? Missing => s_found.Value.Missing;

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names => s_found.Value.Names;

    /// <summary>A backend by name, with a limit of its memory in bytes.</summary>
    public static IGradientBackend Create(string name, long bytesMax = long.MaxValue) =>
        new TorchBackend(TorchDevice.Parse(name), bytesMax);

    /// <summary>Tensors that it made and that were not given back.</summary>
    public static int Outstanding(IBackend backend) =>
        backend is TorchBackend torch ? torch.OutstandingCount : ((HostBackend)backend).Memory.OutstandingCount;

    private static (string[] Names, string? Missing) Find()
    {
        var found = new List<string>();
        string? missing = null;
        foreach (string name in new[] { "torch:cpu", "torch:cuda:0" })
        {
            try
            {
                Create(name).Dispose();
                found.Add(name);
            }
            catch (PixException error)
            {
                missing ??= error.Message;
            }
        }

        return ([.. found], found.Count > 0 ? null : missing);
    }
}
