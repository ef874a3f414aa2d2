using System.Diagnostics;
using System.Text.Json.Nodes;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Checkpoints.Published;
using PixSearch.Models.Tokenizers;

namespace PixSearch.Models.Tests.Checkpoints;

// Goal: files that are no plain files, and values in configurations that change the arithmetic, are refused by name.
public sealed class InputFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    // A pipe that nobody writes to would be waited for for ever; a device has no end.
    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("pytorch_model.bin")]
    [InlineData("model.safetensors.index.json")]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("tokenizer.model")]
    public void Open_Pipe_IsRefusedAtOnce(string name)
    {
        PublishedFolders.Write(name == "tokenizer.json" ? "pixel-sail-pth" : "lisa-torch", _folder.File("in"));
        string path = _folder.File($"in/{name}");
        File.Delete(path);
        using (Process make = Process.Start("mkfifo", path)!)
        {
            make.WaitForExit();
        }

        bool isWeights = name.Contains("model.", StringComparison.Ordinal) && name != "tokenizer.model";
        PixException error = Assert.Throws<PixException>(() =>
        {
            using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(isWeights ? path : _folder.File("in"));
            TokenizerFolder.Load(_folder.File("in"));
        });
        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        Assert.Contains("no plain file", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_Device_IsRefused()
    {
        PixException error = Assert.Throws<PixException>(() => CheckpointSource.Open("/dev/zero"));
        Assert.Contains("no plain file", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rope_scaling", "{\"type\": \"linear\", \"factor\": 2}")]
    [InlineData("rope_parameters", "{\"rope_type\": \"yarn\"}")]
    [InlineData("hidden_act", "\"relu\"")]
    [InlineData("use_sliding_window", "true")]
    [InlineData("quantization_config", "{\"bits\": 4}")]
    [InlineData("mm_vision_select_feature", "\"cls_patch\"")]
    [InlineData("vision_feature_select_strategy", "\"full\"")]
    [InlineData("vision_feature_layer", "[-2, -5]")]
    [InlineData("rope_theta", "\"10000\"")]
    [InlineData("num_attention_heads", "2.5")]
    public void Open_ConfigurationOfOtherArithmetic_IsRefusedByName(string key, string value)
    {
        PixException error = Assert.Throws<PixException>(() => OpenWith(key, value));
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rope_scaling", "null")]
    [InlineData("rope_parameters", "{\"rope_type\": \"default\"}")]
    [InlineData("hidden_act", "\"silu\"")]
    [InlineData("use_sliding_window", "false")]
    [InlineData("mm_vision_select_feature", "\"patch\"")]
    [InlineData("vision_feature_layer", "-2")]
    public void Open_ConfigurationOfTheSameArithmetic_IsRead(string key, string value)
    {
        using PublishedCheckpoint checkpoint = OpenWith(key, value);
        Assert.Empty(checkpoint.Check()!.Missing);
    }

    [Fact]
    public void Convert_DamagedNumbers_NamesTheTensorAndLeavesNoHalfFile()
    {
        RandomCheckpoint random = RandomCheckpoint.SamAlone();
        string damaged = random.Tensors.Keys.Order(StringComparer.Ordinal).Last();
        random.Tensors[damaged].Values[0] = float.NaN;
        random.WriteSafetensors(_folder.File("sam.safetensors"), RandomCheckpoint.SamNameOf);
        using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(_folder.File("sam.safetensors"));

        PixException error = Assert.Throws<PixException>(() =>
            CheckpointConverter.Convert(checkpoint, ConvertedType.BF16, _folder.File("out")));

        Assert.Contains($"'{damaged}' is damaged: element 0 is NaN", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.File("out")));
    }

    public void Dispose() => _folder.Dispose();

    private PublishedCheckpoint OpenWith(string key, string value)
    {
        PublishedFolders.Write("llava-torch-shards", _folder.File("in"));
        string path = _folder.File("in/config.json");
        JsonNode config = JsonNode.Parse(File.ReadAllText(path))!;
        config[key] = "@";
        File.WriteAllText(path, config.ToJsonString().Replace("\"@\"", value, StringComparison.Ordinal));
        return PublishedCheckpoint.Open(_folder.File("in"));
    }
}
