using PixSearch.Imaging;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Families;
using PixSearch.Models.Plum;
using PixSearch.Models.Tokenizers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Cli.Asking;

/// <summary>A folder with a model of nano's sizes and random weights, and a picture: enough to run px ask for
/// real.</summary>
public sealed class NanoFolder : IDisposable
{
    public NanoFolder()
    {
        Root = Directory.CreateTempSubdirectory("pixsearch-cli-").FullName;
        Model = Path.Combine(Root, "nano");
        Directory.CreateDirectory(Model);
        var trainer = new BpeTrainer(BpeTrainer.PixSearchTokens);
        trainer.Add("The flag on the left is Fiji. Its capital is Suva. USER: ASSISTANT: What is the capital?");
        byte[] json = trainer.Train(290, minimumCount: 1).ToTokenizerJson();
        File.WriteAllBytes(Path.Combine(Model, ModelFolder.TokenizerFile), json);
        using IBackend backend = CpuBackend.Create();
        PixSearchConfig config = PixSearchConfig.Nano(TokenizerJson.Parse(json, "test").VocabularySize);
        using var weights = new WeightStore(new RandomWeights(backend, 5));
        _ = new PixSearchNetwork(weights, config);
        PixSearchFolder.Save(config, weights, Model, ElementType.BF16);
        Picture = Write("picture.jpg", PictureCodec.EncodeJpeg(new RgbImage(90, 60, Noise(90 * 60 * 3))));
    }

    /// <summary>Everything lies below.</summary>
    public string Root { get; }

    /// <summary>The model's folder.</summary>
    public string Model { get; }

    /// <summary>A JPEG of 90x60 pixels.</summary>
    public string Picture { get; }

    /// <summary>Writes a file and returns its path.</summary>
    public string Write(string name, byte[] bytes)
    {
        string path = Path.Combine(Root, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    /// <summary>A copy of the model's folder, to be broken.</summary>
    public string CopyModel(string name)
    {
        string copy = Path.Combine(Root, name);
        Directory.CreateDirectory(copy);
        foreach (string file in Directory.EnumerateFiles(Model))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)), overwrite: true);
        }

        return copy;
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static byte[] Noise(int count) => [.. Enumerable.Range(0, count).Select(i => (byte)((i * 37) ^ (i >> 5)))];
}
