using PixSearch.Models.Checkpoints;

namespace PixSearch.Cli.Segmenting;

// px check-fixture as it is called from outside: exit codes and what it prints.
public sealed class CheckFixtureTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("check-fixture").FullName;

    [Fact]
    public async Task CheckFixture_GoodFiles_ExitsWithZeroAndPrintsEveryOutput()
    {
        PxProcess.Result result = await PxProcess.RunAsync("", "check-fixture", Fixture("qwen2-tiny"),
            Fixture("pixellm-decoder-tiny"), "--backend", "reference");
        Assert.Equal(0, result.ExitCode);
        foreach (string output in (string[])["test.logits", "test.hidden_after_norm", "test.greedy_ids",
            "test.level1_logits"])
        {
            Assert.Contains(output, result.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task CheckFixture_OneWrongNumber_ExitsWithOne()
    {
        string path = Path.Combine(_folder, "wrong.safetensors");
        using (var source = new SafetensorsFile(Fixture("plum-heads-tiny")))
        {
            SafetensorsWriter.Write(path, source.Tensors.Values.Select(entry =>
            {
                if (!entry.Type.IsFloat())
                {
                    return TensorPayload.Integers(entry.Name, entry.Shape, source.ReadI64(entry.Name), entry.Type);
                }

                float[] values = source.ReadF32(entry.Name);
                values[0] += entry.Name == "test.span_queries" ? 2e-4f : 0;
                return TensorPayload.Floats(entry.Name, entry.Shape, values, entry.Type);
            }), source.Metadata);
        }

        PxProcess.Result result = await PxProcess.RunAsync("", "check-fixture", path);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("! test.span_queries", result.Output, StringComparison.Ordinal);
        Assert.Contains("  test.bio_logits", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckFixture_NoFixture_ExitsWithTwoAndOneLine()
    {
        string path = Path.Combine(_folder, "text.safetensors");
        await File.WriteAllTextAsync(path, "no tensors here");
        PxProcess.Result result = await PxProcess.RunAsync("", "check-fixture", path);
        Assert.Equal(2, result.ExitCode);
        Assert.Single(result.Errors.Trim().Split('\n'));
        Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Fixture(string name)
    {
        string? folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder!, "PixSearch.Embedded.slnf")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return Path.Combine(folder!, "tests", "fixtures", $"{name}.safetensors");
    }
}
