using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Families;

namespace PixSearch.Silo.Bench;

/// <summary>
/// A PixSearch model whose decoder has its layers several times over: as slow as a model of that depth, and as good
/// for a rehearsal, whose answers are given. So that a cluster's cost can be seen beside a step that costs more than
/// nano's.
/// </summary>
internal sealed partial class DeepModel : IDisposable
{
    private const string LayerCount = "num_hidden_layers";

    private readonly DirectoryInfo _root;

    /// <summary>Writes the model into a temporary folder, which disposing removes.</summary>
    /// <exception cref="PixException">InvalidArgument: <paramref name="times"/> is below 1, or the model's decoder has
    /// no layers by PixSearch's names; NotFound, BrokenArtifact: the model cannot be read.</exception>
    public DeepModel(string models, string name, int times)
    {
        if (times < 1)
        {
            throw new PixException(PixErrorKind.InvalidArgument, $"--deeper is {times}; it must be at least 1.");
        }

        string source = Path.Combine(models, name);
        JsonNode config = JsonNode.Parse(ModelFolder.ReadConfig(source))!;
        if (config["text_config"]?[LayerCount]?.GetValue<int>() is not { } layers)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"--deeper is for models with text_config.{LayerCount}, and {source} has none.");
        }

        using ITensorSource weights = ModelFolder.OpenWeights(source);
        config["text_config"]![LayerCount] = layers * times;
        _root = Directory.CreateTempSubdirectory("pixsearch-deep-");
        try
        {
            string folder = _root.CreateSubdirectory(name).FullName;
            File.WriteAllText(Path.Combine(folder, ModelFolder.ConfigFile), config.ToJsonString());
            File.Copy(Path.Combine(source, ModelFolder.TokenizerFile), Path.Combine(folder, ModelFolder.TokenizerFile));
            SafetensorsWriter.Write(Path.Combine(folder, ModelFolder.WeightsFile),
                weights.Tensors.Keys.SelectMany(tensor => Copies(weights, tensor, layers, times)));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The folder that holds the model's folder.</summary>
    public string Models => _root.FullName;

    /// <inheritdoc/>
    public void Dispose() => _root.Delete(recursive: true);

    private static IEnumerable<TensorPayload> Copies(ITensorSource weights, string tensor, int layers, int times)
    {
        TensorEntry entry = weights.Tensors[tensor];
        Match layer = LayerName().Match(tensor);
        for (int i = 0; i < (layer.Success ? times : 1); i++)
        {
            string name = !layer.Success ? tensor : string.Create(CultureInfo.InvariantCulture,
                $"model.layers.{int.Parse(layer.Groups[1].Value, CultureInfo.InvariantCulture) + (i * layers)}."
                + $"{layer.Groups[2].Value}");
            yield return TensorPayload.Streamed(name, entry.Shape, entry.Type,
                (start, values) => weights.ReadF32(tensor, start, values));
        }
    }

    [GeneratedRegex(@"^model\.layers\.(\d+)\.(.*)$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LayerName();
}
