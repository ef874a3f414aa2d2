using System.Security.Cryptography;
using System.Text;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Preprocessing;
using PixSearch.Models.Vision;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Retrieval;

/// <summary>
/// The index encoder: a CLIP-type vision transformer whose folder holds <c>config.json</c> and
/// <c>model.safetensors</c>. Pictures are padded to a square with the mean colour and resized bicubically.
/// </summary>
public sealed class ClipRegionEncoder : IRegionEncoder
{
    /// <summary>Name of the weights in the folder.</summary>
    public const string WeightsFile = "model.safetensors";

    /// <summary>Name of the configuration in the folder.</summary>
    public const string ConfigFile = "config.json";

    /// <summary>Pictures in one forward pass: bounds the memory of activations whatever the batch asked for.</summary>
    private const int BatchMax = 16;

    private readonly Lock _gate = new();
    private readonly IBackend _backend;
    private readonly WeightStore _weights;
    private readonly ClipImageEncoder _encoder;
    private bool _disposed;

    /// <summary>An encoder over weights, which it takes over.</summary>
    /// <param name="backend">Where it computes; calls are serialised.</param>
    /// <param name="weights">Names as Hugging Face's <c>CLIPVisionModelWithProjection</c>.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="fingerprint">Identity of the weights.</param>
    public ClipRegionEncoder(IBackend backend, WeightStore weights, RetrieverConfig config, string fingerprint)
    {
        (_backend, _weights, Config, Fingerprint) = (backend, weights, config, fingerprint);
        _encoder = new ClipImageEncoder(backend, weights.Root, config.VisionConfig, config.ProjectionDim);
    }

    /// <summary>Sizes.</summary>
    public RetrieverConfig Config { get; }

    /// <inheritdoc/>
    public string Name => Config.Name;

    /// <inheritdoc/>
    public string Fingerprint { get; }

    /// <inheritdoc/>
    public int Dimension => Config.ProjectionDim;

    /// <summary>Loads an encoder's folder.</summary>
    /// <exception cref="PixException">NotFound: no such folder. BrokenArtifact: damaged files, all bad tensors
    /// named.</exception>
    public static ClipRegionEncoder Load(IBackend backend, string folder)
    {
        string configPath = Path.Combine(folder, ConfigFile);
        string weightsPath = Path.Combine(folder, WeightsFile);
        foreach (string path in new[] { configPath, weightsPath })
        {
            if (!File.Exists(path))
            {
                throw new PixException(PixErrorKind.NotFound,
                    $"{folder} is no index encoder: {Path.GetFileName(path)} is missing.");
            }
        }

        string json = File.ReadAllText(configPath);
        RetrieverConfig config = RetrieverConfig.Parse(json, configPath);
        using var file = new SafetensorsFile(weightsPath);
        var checkpoint = new CheckpointWeights(backend, file);
        var weights = new WeightStore(checkpoint);
        try
        {
            var encoder = new ClipRegionEncoder(backend, weights, config, FingerprintOf(config, weightsPath));
            checkpoint.ThrowIfBroken();
            return encoder;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Writes an encoder's folder, which is made.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="weights">All weights, in plain form.</param>
    /// <param name="folder">Where to.</param>
    /// <param name="type">F32 or BF16.</param>
    public static void Save(RetrieverConfig config, WeightStore weights, string folder, ElementType type)
    {
        Directory.CreateDirectory(folder);
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile),
            weights.All.Select(weight => TensorPayload.Of(weight, type)),
            new Dictionary<string, string> { ["format"] = "pt" });
        File.WriteAllText(Path.Combine(folder, ConfigFile), config.ToJson());
    }

    /// <inheritdoc/>
    public float[] Encode(IReadOnlyList<RgbImage> pictures)
    {
        ArgumentOutOfRangeException.ThrowIfZero(pictures.Count, nameof(pictures));
        int side = Config.VisionConfig.ImageSize;
        var result = new float[pictures.Count * Dimension];
        for (int start = 0; start < pictures.Count; start += BatchMax)
        {
            int count = Math.Min(BatchMax, pictures.Count - start);
            var pixels = new float[count * 3 * side * side];
            for (int i = 0; i < count; i++)
            {
                PicturePreprocessor.ClipPadded(pictures[start + i], side)
                    .Numbers.CopyTo(pixels.AsSpan(i * 3 * side * side));
            }

            Forward(pixels, new Shape(count, 3, side, side), result.AsSpan(start * Dimension, count * Dimension));
        }

        return result;
    }

    /// <summary>Frees the weights once no call is under way.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                _disposed = true;
                _weights.Dispose();
            }
        }
    }

    private void Forward(float[] pixels, Shape shape, Span<float> vectors)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            using var scope = new TensorScope();
            Tensor result = _encoder.Forward(_backend, _backend.From(pixels, shape));
            _backend.Read(result, vectors);
        }
    }

    // What decides the vectors: the weights' bytes, the sizes, and the version of this preprocessing.
    private static string FingerprintOf(RetrieverConfig config, string weightsPath)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"1\n{(config with { Name = "" }).ToJson()}"));
        using FileStream stream = File.OpenRead(weightsPath);
        hash.AppendData(SHA256.HashData(stream));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..32];
    }
}
