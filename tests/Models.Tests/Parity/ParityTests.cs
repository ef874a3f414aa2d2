using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Parity;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Parity;

// Every file of reference tensors on every backend; then that the check can fail.
public sealed class ParityTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("parity").FullName;

    public static TheoryData<string, string> FilesAndBackends()
    {
        var data = new TheoryData<string, string>();
        foreach (string file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests", "fixtures"),
            "*.safetensors"))
        {
            foreach (string backend in Backends.Names)
            {
                data.Add(Path.GetFileName(file), backend);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(FilesAndBackends))]
    public void ReferenceTensors_OnEveryBackend_AreReproduced(string file, string backendName)
    {
        using IBackend backend = Backends.Create(backendName);
        using var source = new SafetensorsFile(Repository.Fixture(file));
        ParityReport report = ParityChecker.Check(backend, source);
        Assert.All(report.Results, result => Assert.InRange(result.Error, 0, ParityReport.Tolerance));
        string[] outputs = [.. source.Tensors.Keys.Where(name => name.StartsWith("test.", StringComparison.Ordinal))];
        string[] compared = [.. report.Results.Select(result => result.Output).Distinct()];
        Assert.Empty(compared.Except(outputs));
    }

    [Theory]
    [InlineData("llama-tiny", "test.hidden_after_norm test.logits test.greedy_ids")]
    [InlineData("qwen2-tiny", "test.hidden_after_norm test.logits test.greedy_ids")]
    [InlineData("clip-vision-tiny", "test.hidden_states")]
    [InlineData("sam-tiny",
        "test.image_embedding test.dense_pe test.low_res_logits test.iou test.postprocessed_logits " +
        "test.multimask_low_res_logits test.multimask_iou test.points_low_res_logits test.points_iou " +
        "test.box_and_mask_low_res_logits")]
    [InlineData("plum-heads-tiny", "test.bio_logits test.span_queries test.low_res_logits test.dense_prompts")]
    [InlineData("pixellm-decoder-tiny", "test.level0_logits test.level1_logits test.low_res_logits")]
    [InlineData("pixel-sail-tiny", "test.position_ids test.attention_allowed test.hidden_after_norm test.logits " +
        "test.upsampled_features test.low_res_logits test.postprocessed_logits")]
    public void Report_OfAFile_HasEveryOutput(string file, string outputs)
    {
        using IBackend backend = new ReferenceBackend();
        using var source = new SafetensorsFile(Repository.Fixture($"{file}.safetensors"));
        ParityReport report = ParityChecker.Check(backend, source);
        Assert.Equal(outputs.Split(' ').Order(), report.Results.Select(result => result.Output).Distinct().Order());
    }

    [Fact]
    public void Check_OneChangedWeight_IsOutOfTolerance()
    {
        string path = Rewrite("llama-tiny.safetensors", (name, values) =>
        {
            if (name == "model.layers.1.mlp.up_proj.weight")
            {
                values[17] += 0.05f;
            }
        });
        using IBackend backend = new ReferenceBackend();
        using var source = new SafetensorsFile(path);
        ParityReport report = ParityChecker.Check(backend, source);
        Assert.False(report.Passed);
        Assert.InRange(report.ErrorMax, 1e-4f, 1);
    }

    [Fact]
    public void Check_MissingAndDamagedTensors_ListsBoth()
    {
        string path = Rewrite("llama-tiny.safetensors", (name, values) =>
        {
            if (name == "model.norm.weight")
            {
                values[3] = float.NaN;
            }
        }, drop: "model.layers.0.mlp.up_proj.weight");
        using IBackend backend = new ReferenceBackend();
        using var source = new SafetensorsFile(path);
        var error = Assert.Throws<PixException>(() => ParityChecker.Check(backend, source));
        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        Assert.Contains("1 missing: model.layers.0.mlp.up_proj.weight [88, 32]", error.Message,
            StringComparison.Ordinal);
        Assert.Contains("model.norm.weight (element 3 is NaN)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_SizesThatDoNotFit_NamesTensorsAndAllocatesNothing()
    {
        string path = Rewrite("llama-tiny.safetensors", (_, _) => { }, change: ("hidden_size", "16000000"));
        using IBackend backend = new ReferenceBackend();
        using var source = new SafetensorsFile(path);
        var error = Assert.Throws<PixException>(() => ParityChecker.Check(backend, source));
        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Rewrite(string file, Action<string, float[]> edit, string? drop = null,
        (string Key, string Value)? change = null)
    {
        using var source = new SafetensorsFile(Repository.Fixture(file));
        var payloads = new List<TensorPayload>();
        foreach ((string name, TensorEntry entry) in source.Tensors.Where(pair => pair.Key != drop))
        {
            if (entry.Type.IsFloat())
            {
                float[] values = source.ReadF32(name);
                edit(name, values);
                payloads.Add(TensorPayload.Floats(name, entry.Shape, values, ElementType.F32));
            }
            else
            {
                payloads.Add(TensorPayload.Integers(name, entry.Shape, source.ReadI64(name), entry.Type));
            }
        }

        var metadata = new Dictionary<string, string>(source.Metadata);
        if (change is { } pair)
        {
            metadata[pair.Key] = pair.Value;
        }

        string path = Path.Combine(_folder, file);
        SafetensorsWriter.Write(path, payloads, metadata);
        return path;
    }
}
