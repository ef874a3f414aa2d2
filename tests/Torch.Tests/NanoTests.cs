using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Models.Checkpoints;
using PixSearch.Node;
using PixSearch.Retrieval;

namespace PixSearch.Torch.Tests;

/// <summary>
/// Goal: pixsearch-nano, searches and masks included, answers on TorchSharp as on the CPU engine. With weights in F32:
/// as BF16, products on libtorch round the activations too, and the third of three hits may be another.
/// </summary>
public sealed class NanoTests : IDisposable
{
    private const int Questions = 6;

    private readonly string _folder = Directory.CreateTempSubdirectory("torch-nano").FullName;

    [ConformanceFact]
    public async Task Ask_SampleQuestions_TellTheSameAsTheCpuEngine()
    {
        string encoderFolder = InF32("retriever-nano");
        string index = Path.Combine(_folder, "index");
        using (var backend = new CpuBackend())
        using (ClipRegionEncoder encoder = ClipRegionEncoder.Load(backend, encoderFolder))
        {
            new IndexBuilder(encoder, file => PictureCodec.Decode(file))
                .Build(new KnowledgeBase(Path.Combine(Checkout.Root, "samples", "kb")), index);
        }

        List<SessionEvent>[] expected = await AskAsync(() => new CpuBackend(), index, encoderFolder);
        Assert.Contains(expected, events => events.OfType<Evidence>().Any());
        Assert.Contains(expected, events => events.OfType<MaskFound>().Any());
        foreach (string name in BackendsUnderTest.Names)
        {
            List<SessionEvent>[] actual = await AskAsync(() => BackendsUnderTest.Create(name), index,
                encoderFolder);
            for (int i = 0; i < expected.Length; i++)
            {
                AssertSame($"{name}, question {i}", expected[i], actual[i]);
            }
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<List<SessionEvent>[]> AskAsync(Func<IBackend> backend, string index,
        string encoder)
    {
        await using NodeAssembly assembly = await NodeAssembly.OpenAsync(new NodeSetup
        {
            Models = [Model("pixsearch-nano")],
            Encoder = encoder,
            Indexes = [index],
            Backend = backend,

            Weights = WeightType.F32,
            ContextsMin = 1,
        });
        using JsonDocument demo = JsonDocument.Parse(
            await File.ReadAllTextAsync(Path.Combine(Checkout.Root, "samples", "demo.json")));
        var answers = new List<List<SessionEvent>>();
        foreach (JsonElement asked in demo.RootElement.GetProperty("questions").EnumerateArray().Take(Questions))
        {
            string id = await assembly.Node.StartAsync(new AnswerRequest
            {
                Question = asked.GetProperty("question").GetString()!,
                Picture = await File.ReadAllBytesAsync(
                    Path.Combine(Checkout.Root, "samples", asked.GetProperty("picture").GetString()!)),
            }, default);
            var events = new List<SessionEvent>();
            await foreach (SessionEvent item in assembly.Node.ReadAsync(id, 0, default))
            {
                events.Add(item);
            }

            answers.Add(events);
        }

        return [.. answers];
    }

    // Scores differ by rounding, and so may a pixel whose logit is next to zero.
    private static void AssertSame(string what, List<SessionEvent> expected, List<SessionEvent> actual)
    {
        Assert.True(expected.Count == actual.Count, $"{what}: {string.Join('\n', actual)}");
        foreach ((SessionEvent a, SessionEvent b) in expected.Zip(actual))
        {
            switch (a)
            {
                case MaskFound mask:
                    MaskFound other = Assert.IsType<MaskFound>(b);
                    Assert.Equal(mask.TextSpan, other.TextSpan);
                    Assert.InRange(Math.Abs(mask.Score - other.Score), 0, 1e-3f);
                    Assert.True(Overlap(mask.Rle, other.Rle) > 0.99, $"{what}: masks of '{mask.TextSpan}' differ");
                    break;
                case Evidence evidence:
                    Evidence found = Assert.IsType<Evidence>(b);
                    Assert.Equal(evidence.Text, found.Text);
                    Assert.Equal(evidence.Hits.Select(hit => hit.DocumentId), found.Hits.Select(hit => hit.DocumentId));
                    break;
                default:
                    Assert.Equal(a, b);
                    break;
            }
        }
    }

    private static double Overlap(RleMask a, RleMask b)
    {
        byte[] left = RleCodec.Decode(a).Bits.ToArray();
        byte[] right = RleCodec.Decode(b).Bits.ToArray();
        int both = left.Zip(right).Count(pair => pair.First != 0 && pair.Second != 0);
        int any = left.Zip(right).Count(pair => pair.First != 0 || pair.Second != 0);
        return any == 0 ? 1 : (double)both / any;
    }

    // A copy of a committed model whose tensors are all F32.
    private string InF32(string name)
    {
        string copy = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        File.Copy(Path.Combine(Model(name), "config.json"), Path.Combine(copy, "config.json"));
        using var source = new SafetensorsFile(Path.Combine(Model(name), "model.safetensors"));
        SafetensorsWriter.Write(Path.Combine(copy, "model.safetensors"), source.Tensors.Values.Select(entry =>
            TensorPayload.Floats(entry.Name, entry.Shape, source.ReadF32(entry.Name), ElementType.F32)),
            source.Metadata);
        return copy;
    }

    private static string Model(string name) => Path.Combine(Checkout.Root, "models", name);
}
