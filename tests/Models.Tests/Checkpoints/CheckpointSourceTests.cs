using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Checkpoints;

// Goal: every layout on disk gives the same tensors, shards are open one at a time, adapters are merged as PEFT does.
public sealed class CheckpointSourceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Open_ShardedFolder_UnitesTheShards(bool torch)
    {
        WriteShards(torch);

        using ITensorSource source = CheckpointSource.Open(_folder.File(""));

        Assert.Equal(["a", "b", "c"], source.Tensors.Keys.Order());
        Assert.Equal([1f, 2f], source.ReadF32("a"));
        Assert.Equal([5f, 6f], source.ReadF32("c"));
        Assert.Equal([3f, 4f], source.ReadF32("b"));
    }

    [Fact]
    public void Read_TensorsInOrderOfFiles_OpensEachShardOnceMoreAndOneAtATime()
    {
        string index = WriteShards(torch: false);
        int opened = 0;
        int open = 0;
        int openMax = 0;
        using var source = new ShardedSource(index, path =>
        {
            opened++;
            openMax = Math.Max(openMax, ++open);
            return new Watched(new SafetensorsFile(path), () => open--);
        });
        Assert.Equal((2, 0), (opened, open));

        foreach (string name in (string[])["a", "b", "c", "c"])
        {
            source.ReadF32(name);
        }

        Assert.Equal((4, 1), (opened, openMax));
    }

    [Theory]
    [InlineData("../one.safetensors", "plain name")]
    [InlineData("/etc/passwd", "plain name")]
    [InlineData("..", "plain name")]
    [InlineData("", "plain name")]
    [InlineData("three.safetensors", "is missing")]
    [InlineData("two.safetensors", "does not hold 'b'")]
    public void Open_IndexThatLies_IsRefused(string file, string expected)
    {
        WriteShards(torch: false);
        File.WriteAllText(_folder.File("model.safetensors.index.json"), JsonSerializer.Serialize(new
        {
            weight_map = new Dictionary<string, string>
            {
                ["a"] = "one.safetensors",
                ["b"] = file,
                ["c"] = "two.safetensors",
            },
        }));
        PixException error = Assert.Throws<PixException>(() => CheckpointSource.Open(_folder.File("")));
        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("{\"weight_map\":{\"a\":1}}")]
    [InlineData("{\"weight_map\":{\"a\":\"x\",\"a\":\"x\"}}")]
    [InlineData("{\"weight_map\":")]
    public void Open_DamagedIndex_IsRefused(string json)
    {
        File.WriteAllText(_folder.File("model.safetensors.index.json"), json);
        PixException error = Assert.Throws<PixException>(() => CheckpointSource.Open(_folder.File("")));
        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
    }

    [Fact]
    public void Open_FolderWithoutOrWithSeveralCheckpoints_SaysSo()
    {
        Assert.Equal(PixErrorKind.NotFound,
            Assert.Throws<PixException>(() => CheckpointSource.Open(_folder.File(""))).Kind);
        Write("x.safetensors", ("a", [1]));
        Write("y.safetensors", ("a", [1]));
        PixException error = Assert.Throws<PixException>(() => CheckpointSource.Open(_folder.File("")));
        Assert.Contains("x.safetensors, y.safetensors", error.Message, StringComparison.Ordinal);
        Assert.Equal(PixErrorKind.NotFound,
            Assert.Throws<PixException>(() => CheckpointSource.Open(_folder.File("none.bin"))).Kind);
    }

    [Theory]
    [InlineData(false, 4f)]
    [InlineData(true, 5.656854f)]
    public void Read_CheckpointWithAdapters_MergesThem(bool rankStabilized, float scale)
    {
        const string Layer = "base_model.model.model.layers.0.self_attn.q_proj";
        string path = _folder.File("m.safetensors");
        SafetensorsWriter.Write(path,
        [
            TensorPayload.Floats($"{Layer}.weight", new Shape(3, 2), new float[] { 1, 2, 3, 4, 5, 6 }),
            TensorPayload.Floats($"{Layer}.lora_A.default.weight", new Shape(2, 2), new float[] { 1, 0, 10, 100 }),
            TensorPayload.Floats($"{Layer}.lora_B.default.weight", new Shape(3, 2), new float[] { 1, 0, 0, 1, 2, 2 }),
            TensorPayload.Floats("base_model.model.lm_head.modules_to_save.default.weight", new Shape(1), new[] { 7f }),
            TensorPayload.Floats("base_model.model.lm_head.original_module.weight", new Shape(1), new[] { 8f }),
        ]);
        var file = new SafetensorsFile(path);
        Assert.True(LoraSource.HasAdapters(file));

        using var source = new LoraSource(file, null, new LoraSettings(8, 2, ["q_proj", "v_proj"], rankStabilized));

        Assert.Equal(["lm_head.weight", "model.layers.0.self_attn.q_proj.weight"], source.Tensors.Keys.Order());
        Assert.Equal([7f], source.ReadF32("lm_head.weight"));
        float[] expected = [1 + scale, 2, 3 + (10 * scale), 4 + (100 * scale), 5 + (22 * scale), 6 + (200 * scale)];
        float[] merged = source.ReadF32("model.layers.0.self_attn.q_proj.weight");
        Assert.All(expected.Zip(merged), pair => Assert.Equal(pair.First, pair.Second, 1e-3f));
        float[] part = new float[3];
        source.ReadF32("model.layers.0.self_attn.q_proj.weight", 1, part);
        Assert.Equal(merged.AsSpan(1, 3).ToArray(), part);
        Assert.False(LoraSource.HasAdapters(source));
    }

    [Theory]
    [InlineData("x.weight", 2, "q", "is not among the targets")]
    [InlineData("x.weight", 4, "x", "at rank 4")]
    [InlineData("y.weight", 2, "x", "has no layer")]
    public void Open_AdaptersThatDoNotFit_AreListed(string layer, int rank, string target, string expected)
    {
        SafetensorsWriter.Write(_folder.File("base.safetensors"),
            [TensorPayload.Floats(layer, new Shape(3, 2), new float[6])]);
        SafetensorsWriter.Write(_folder.File("adapter.safetensors"),
        [
            TensorPayload.Floats("base_model.model.x.lora_A.weight", new Shape(2, 2), new float[4]),
            TensorPayload.Floats("base_model.model.x.lora_B.weight", new Shape(3, 2), new float[6]),
        ]);
        using var source = new SafetensorsFile(_folder.File("base.safetensors"));
        using var adapters = new SafetensorsFile(_folder.File("adapter.safetensors"));

        PixException error = Assert.Throws<PixException>(() =>
            new LoraSource(source, adapters, new LoraSettings(16, rank, [target])));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private string WriteShards(bool torch)
    {
        string suffix = torch ? "bin" : "safetensors";
        Write($"one.{suffix}", ("a", [1, 2]), ("b", [3, 4]));
        Write($"two.{suffix}", ("c", [5, 6]));
        string index = _folder.File(torch ? "pytorch_model.bin.index.json" : "model.safetensors.index.json");
        File.WriteAllText(index, JsonSerializer.Serialize(new
        {
            metadata = new { total_size = 24 },
            weight_map = new Dictionary<string, string>
            {
                ["a"] = $"one.{suffix}",
                ["b"] = $"one.{suffix}",
                ["c"] = $"two.{suffix}",
            },
        }));
        return index;
    }

    private void Write(string name, params (string Name, float[] Values)[] tensors)
    {
        if (name.EndsWith(".safetensors", StringComparison.Ordinal))
        {
            SafetensorsWriter.Write(_folder.File(name), tensors.Select(tensor =>
                TensorPayload.Floats(tensor.Name, new Shape(tensor.Values.Length), tensor.Values)));
            return;
        }

        var writer = new TorchFileWriter();
        writer.WriteStateDict([.. tensors.Select(tensor => (tensor.Name,
            writer.AddStorage(ElementType.F32, tensor.Values), ElementType.F32, 0, new[] { tensor.Values.Length },
            new[] { 1 }))]);
        _folder.Write(name, writer.Build());
    }

    private sealed class Watched(ITensorSource inner, Action closed) : ITensorSource
    {
        public string Origin => inner.Origin;

        public IReadOnlyDictionary<string, TensorEntry> Tensors => inner.Tensors;

        public IReadOnlyDictionary<string, string> Metadata => inner.Metadata;

        public void ReadF32(string name, long start, Span<float> destination) =>
            inner.ReadF32(name, start, destination);

        public void ReadI64(string name, long start, Span<long> destination) =>
            inner.ReadI64(name, start, destination);

        public void Dispose()
        {
            inner.Dispose();
            closed();
        }
    }
}
