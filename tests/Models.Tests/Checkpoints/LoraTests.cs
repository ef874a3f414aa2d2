using System.Text.Json.Nodes;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Checkpoints.Published;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Checkpoints;

// Goal: adapters that are not merged by W + alpha / r B A, or not wholly there, are refused by name: taken for plain
// ones they would give wrong numbers without a word.
public sealed class LoraTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("x.lora_B.weight", "y.lora_B.weight", "'base_model.model.x.lora_B.weight' is missing")]
    [InlineData("x.lora_B.weight", "y.lora_B.weight", "'base_model.model.y.lora_B.weight' is no half of a known pair")]
    [InlineData("more", "x.lora_magnitude_vector", "'base_model.model.x.lora_magnitude_vector' is no half")]
    [InlineData("more", "x.lora_embedding_A", "'base_model.model.x.lora_embedding_A' is no half")]
    [InlineData("more", "x.lora_A.second.weight", "'base_model.model.x.lora_B.second.weight' is missing")]
    public void Open_TensorsThatAreNoPlainPair_AreListed(string replaced, string by, string expected)
    {
        (string Name, Shape Shape)[] tensors =
        [
            ("x.lora_A.weight", new Shape(2, 2)), ("x.lora_B.weight", new Shape(3, 2)),
            .. replaced == "more" ? [(by, new Shape(2, 2))] : Array.Empty<(string, Shape)>(),
        ];
        PixException error = Refused(
            tensors.Select(tensor => (tensor.Name == replaced ? by : tensor.Name, tensor.Shape)),
            new LoraSettings(16));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_TwoAdaptersOfOneLayer_AreRefused()
    {
        PixException error = Refused(
        [
            ("x.lora_A.one.weight", new Shape(2, 2)), ("x.lora_B.one.weight", new Shape(3, 2)),
            ("x.lora_A.two.weight", new Shape(2, 2)), ("x.lora_B.two.weight", new Shape(3, 2)),
        ], new LoraSettings(16));
        Assert.Contains("a second adapter of 'x.weight'", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN, 2, "alpha is NaN")]
    [InlineData(float.PositiveInfinity, 2, "alpha is ")]
    [InlineData(16f, 0, "r is 0")]
    [InlineData(16f, -2, "r is -2")]
    [InlineData(16f, int.MaxValue, "at rank 2147483647")]
    public void Open_ScaleThatIsNone_IsRefused(float alpha, int rank, string expected)
    {
        PixException error = Refused([("x.lora_A.weight", new Shape(2, 2)), ("x.lora_B.weight", new Shape(3, 2))],
            new LoraSettings(alpha, rank));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_RankOfNothing_IsRefused()
    {
        PixException error = Refused([("x.lora_A.weight", new Shape(0, 2)), ("x.lora_B.weight", new Shape(3, 0))],
            new LoraSettings(16));
        Assert.Contains("do not fit x.weight [3, 2]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_AdaptersForACheckpointWithItsOwn_AreRefused()
    {
        SafetensorsWriter.Write(_folder.File("base.safetensors"),
        [
            TensorPayload.Floats("x.weight", new Shape(3, 2), new float[6]),
            TensorPayload.Floats("x.lora_A.default.weight", new Shape(2, 2), new float[4]),
        ]);
        PixException error = Refused([("x.lora_A.weight", new Shape(2, 2)), ("x.lora_B.weight", new Shape(3, 2))],
            new LoraSettings(16), writeBase: false);
        Assert.Contains("adapters of its own ('x.lora_A.default.weight')", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("peft_type", "\"IA3\"", "peft_type is 'IA3'")]
    [InlineData("use_dora", "true", "use_dora is set")]
    [InlineData("fan_in_fan_out", "true", "fan_in_fan_out is set")]
    [InlineData("alpha_pattern", "{\"q_proj\": 4}", "alpha_pattern gives")]
    [InlineData("r", "8", "at rank 8")]
    [InlineData("r", "\"8\"", "lacks a number r")]
    [InlineData("lora_alpha", "null", "lacks a number r or lora_alpha")]
    [InlineData("lora_alpha", "1e999", "alpha is ")]
    [InlineData("target_modules", "[\"k_proj\"]", "not among the targets k_proj")]
    public void Open_ConfigurationOfAnotherKind_IsRefused(string key, string value, string expected)
    {
        PixException error = Assert.Throws<PixException>(() => Open(key, value));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rank_pattern", "{\"v_proj\": 4}")] // the shapes tell each layer's rank
    [InlineData("use_dora", "false")]
    [InlineData("use_rslora", "null")]
    [InlineData("target_modules", "\".*_proj\"")]
    [InlineData("peft_type", "\"LORA\"")]
    public void Open_ConfigurationOfPlainAdapters_IsRead(string key, string value)
    {
        using PublishedCheckpoint checkpoint = Open(key, value);
        Assert.Empty(checkpoint.Check()!.Missing);
    }

    public void Dispose() => _folder.Dispose();

    private PublishedCheckpoint Open(string key, string value)
    {
        PublishedFolders.Write("plum-peft-folder", _folder.File("in"));
        string path = _folder.File("in/adapter_config.json");
        JsonNode config = JsonNode.Parse(File.ReadAllText(path))!;
        config[key] = "@";
        File.WriteAllText(path, config.ToJsonString().Replace("\"@\"", value, StringComparison.Ordinal));
        return PublishedCheckpoint.Open(_folder.File("in"));
    }

    private PixException Refused(IEnumerable<(string Name, Shape Shape)> tensors, LoraSettings settings,
        bool writeBase = true)
    {
        if (writeBase)
        {
            SafetensorsWriter.Write(_folder.File("base.safetensors"),
                [TensorPayload.Floats("x.weight", new Shape(3, 2), new float[6])]);
        }

        SafetensorsWriter.Write(_folder.File("adapter.safetensors"), tensors.Select(tensor =>
            TensorPayload.Floats($"base_model.model.{tensor.Name}", tensor.Shape, new float[tensor.Shape.Count])));
        using var source = new SafetensorsFile(_folder.File("base.safetensors"));
        using var adapters = new SafetensorsFile(_folder.File("adapter.safetensors"));
        return Assert.Throws<PixException>(() => new LoraSource(source, adapters, settings));
    }
}
