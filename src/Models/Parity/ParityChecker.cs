using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Tensors;

namespace PixSearch.Models.Parity;

/// <summary>
/// Runs the models of reference-tensor files and measures how far their outputs are from those of the authors' code.
/// Sizes come from the file's metadata.
/// </summary>
public static class ParityChecker
{
    /// <summary>Checks one file.</summary>
    /// <exception cref="PixException">The file is of an unknown kind, or lacks something.</exception>
    public static ParityReport Check(IBackend backend, ITensorSource source)
    {
        using var scope = new TensorScope();
        using var fixture = new Fixture(backend, source);
        string kind = fixture.Text("kind");
        Action<Fixture> run = kind switch
        {
            "llama" or "qwen2" => LlamaParity.Run,
            "clip-vision" => ClipVisionParity.Run,
            "sam" => SamParity.Run,
            "plum-heads" => PlumHeadsParity.Run,
            "pixellm-decoder" => PixelLmParity.Run,
            "pixel-sail" => PixelSailParity.Run,
            _ => throw new PixException(PixErrorKind.BrokenArtifact,
                $"{source.Origin}: kind '{kind}' is unknown; known are llama, qwen2, clip-vision, sam, plum-heads, " +
                "pixellm-decoder, pixel-sail."),
        };
        try
        {
            run(fixture);
        }
        catch (Exception error) when (error is ArgumentException or OverflowException or IndexOutOfRangeException)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"{source.Origin}: metadata and tensors contradict each other: {error.Message}", error);
        }

        return new ParityReport(kind, fixture.Results);
    }
}
