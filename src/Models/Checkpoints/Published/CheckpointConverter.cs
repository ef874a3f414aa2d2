using PixSearch.Abstractions;
using PixSearch.Models.Families;
using PixSearch.Models.Sam;
using PixSearch.Models.Tokenizers;
using PixSearch.Tensors;

namespace PixSearch.Models.Checkpoints.Published;

/// <summary>How a converted checkpoint stores its numbers.</summary>
public enum ConvertedType
{
    /// <summary>32-bit floats.</summary>
    F32,

    /// <summary>Upper halves of 32-bit floats.</summary>
    BF16,

    /// <summary>Matrices in 8 bits (<see cref="QuantizedSource"/>), the rest as <see cref="BF16"/>.</summary>
    Q8,
}

/// <summary>
/// Writes checkpoints in the project's own layout: <c>model.safetensors</c>, <c>config.json</c>, <c>tokenizer.json</c>.
/// </summary>
public static class CheckpointConverter
{
    /// <summary>
    /// Converts, a piece of a tensor at a time. Throws <see cref="PixException"/> (BrokenArtifact) that lists by name
    /// what is missing or mis-shaped; tensors that no computation reads are left out.
    /// </summary>
    /// <param name="checkpoint">The open checkpoint.</param>
    /// <param name="type">How to store.</param>
    /// <param name="folder">Where to; made when it is not there.</param>
    /// <param name="progress">Told the name of each tensor as it is begun.</param>
    /// <returns>What is not converted: a tokenizer that was not found, tensors left out.</returns>
    public static IReadOnlyList<string> Convert(PublishedCheckpoint checkpoint, ConvertedType type, string folder,
        IProgress<string>? progress = null)
    {
        CheckpointCheck check = checkpoint.Check() ?? throw new PixException(PixErrorKind.InvalidArgument,
            $"'{checkpoint.Path}' has the layout {checkpoint.Layout}, which is no whole model of a known family.");
        if (check.Missing.Count + check.Misshaped.Count > 0)
        {
            bool vision = check.Missing.Any(line => line.Contains(".vision_tower.", StringComparison.Ordinal));
            throw new PixException(PixErrorKind.BrokenArtifact, $"'{checkpoint.Path}' cannot be converted: "
                + $"{Describe("missing", check.Missing)}{Describe("mis-shaped", check.Misshaped)}"
                + (vision ? " Its vision tower is a checkpoint of its own: name it with --vision." : ""));
        }

        Directory.CreateDirectory(folder);
        SafetensorsWriter.Write(Path.Combine(folder, ModelFolder.WeightsFile),
            check.Used.SelectMany(entry => Payloads(checkpoint.Source, entry, type, check.IsMatrix(entry), progress)),
            new Dictionary<string, string> { ["format"] = "pt" });
        File.WriteAllText(Path.Combine(folder, ModelFolder.ConfigFile), checkpoint.ConfigJson + "\n");
        var notes = new List<string>();
        if (check.Extra.Count > 0)
        {
            notes.Add($"left out: {check.Extra.Count} tensors that no computation reads");
        }

        if (checkpoint.ModelType != SamModelConfig.Type && !WriteTokenizer(checkpoint, folder))
        {
            notes.Add($"no tokenizer was found beside the weights: put {ModelFolder.TokenizerFile} into {folder}");
        }

        return notes;
    }

    private static IEnumerable<TensorPayload> Payloads(ITensorSource source, TensorEntry entry, ConvertedType type,
        bool isMatrix, IProgress<string>? progress)
    {
        void Read(long start, Span<float> destination)
        {
            if (start == 0)
            {
                progress?.Report(entry.Name);
            }

            source.ReadF32(entry.Name, start, destination);
            RefuseNotFinite(entry, start, destination);
        }

        // Positions are multiplied by 2 pi G: a G rounded to 8 bits would shift them all.
        if (type == ConvertedType.F32 || entry.Name.EndsWith("gaussian_matrix", StringComparison.Ordinal))
        {
            return [TensorPayload.Streamed(entry.Name, entry.Shape, ElementType.F32, Read)];
        }

        // Tables that are looked up, not multiplied with, keep their precision: they cost no time.
        return type == ConvertedType.Q8 && isMatrix && QuantizedSource.CanHold(entry.Shape)
            ? QuantizedSource.Payloads(entry.Name, entry.Shape, Read)
            : [TensorPayload.Streamed(entry.Name, entry.Shape, ElementType.BF16, Read)];
    }

    // Loading refuses them too; the folder that is written must not be the first to be refused.
    private static void RefuseNotFinite(TensorEntry entry, long start, ReadOnlySpan<float> numbers)
    {
        for (int i = 0; i < numbers.Length; i++)
        {
            if (!float.IsFinite(numbers[i]))
            {
                throw new PixException(PixErrorKind.BrokenArtifact,
                    $"'{entry.Name}' is damaged: element {start + i} is {numbers[i]}.");
            }
        }
    }

    private static bool WriteTokenizer(PublishedCheckpoint checkpoint, string folder)
    {
        string path = checkpoint.Path;
        string from = Directory.Exists(path) ? path : Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (TokenizerFolder.ToTokenizerJson(from, checkpoint.WantedTokens) is not { } json)
        {
            return false;
        }

        File.WriteAllBytes(Path.Combine(folder, ModelFolder.TokenizerFile), json);
        return true;
    }

    private static string Describe(string what, IReadOnlyList<string> items) => items.Count == 0 ? ""
        : $"{items.Count} {what}: {string.Join("; ", items.Take(20))}{(items.Count > 20 ? " and more" : "")}. ";
}
