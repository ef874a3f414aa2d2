using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Families;
using PixSearch.Models.Plum;
using PixSearch.Models.Tokenizers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Families;

// A tiny random PixSearch model through the whole path: saved, loaded, prompted, stepped, grounded, masked.
public sealed class PixSearchModelTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pixsearch").FullName;
    private readonly IBackend _backend = new ReferenceBackend();

    [Fact]
    public void SavedModel_Loaded_GivesTheSameNumbers()
    {
        using PixSearchModel original = Save(ElementType.F32);
        using var loaded = (PixSearchModel)ModelFolder.Load(_backend, _folder);
        Assert.Equal(original.Weights.All.Select(w => w.Name).Order(), loaded.Weights.All.Select(w => w.Name).Order());
        RgbImage picture = TinyModels.Picture(40, 30, 3);
        Assert.Equal(LogitsOf(original, picture), LogitsOf(loaded, picture));
    }

    [Fact]
    public void Step_InChunksAndInACommonBatch_EqualsOneStep()
    {
        using PixSearchModel model = Save(ElementType.F32);
        using var scope = new TensorScope();
        RgbImage picture = TinyModels.Picture(40, 30, 3);
        using IImageEncoding image = model.EncodeImage(picture);
        ModelPrompt prompt = model.BuildPrompt("What is it?", picture);
        int[] slots = prompt.Slots;
        Assert.Equal(9, slots.Count(slot => slot < 0));
        using KvStore store = model.CreateKvStore(64, 4);
        int pageCount = (slots.Length + 3) / 4;
        int[] pages = [.. Enumerable.Range(0, pageCount)];
        float[] whole = Read(model.Step([new StepSequence(slots, 0, slots.Length, pages, image, prompt)],
            store).Logits);

        int[] first = [.. Enumerable.Range(20, pageCount)];
        int[] second = [.. Enumerable.Range(40, pageCount)];
        int cut = slots.Length / 2;
        _ = model.Step([new StepSequence(slots, 0, cut, first, image, prompt)], store);
        StepOutput common = model.Step(
        [
            new StepSequence(slots, cut, slots.Length - cut, first, image, prompt),
            new StepSequence(slots, 0, slots.Length, second, image, prompt),
        ], store);
        float[] both = Read(common.Logits);
        Assert.Equal((2 * slots.Length) - cut, common.Hidden.Size(0));
        for (int i = 0; i < whole.Length; i++)
        {
            Assert.Equal(whole[i], both[i], 1e-5f);
            Assert.Equal(whole[i], both[whole.Length + i], 1e-5f);
        }
    }

    [Fact]
    public void DecodeMasks_OfSpans_HaveTheOriginalSize()
    {
        using PixSearchModel model = Save(ElementType.F32);
        using var scope = new TensorScope();
        RgbImage picture = TinyModels.Picture(40, 30, 3);
        using IImageEncoding image = model.EncodeImage(picture);
        Tensor hidden = HiddenOf(model, picture, image);
        Tensor masks = model.DecodeMasks(image, [new Grounding(12, 15), new Grounding(18, 19)], hidden);
        Assert.Equal(new Shape(2, 30, 40), masks.Shape);
        Tensor one = model.DecodeMasks(image, [new Grounding(12, 15)], hidden);
        Assert.Equal(Read(one), Read(_backend.Slice(masks, 0, 0, 1)), (a, b) => MathF.Abs(a - b) < 1e-5f);
        Assert.Equal(new Shape(0, 30, 40), model.DecodeMasks(image, [], hidden).Shape);
        Assert.All(model.Ground([], hidden), span => Assert.InRange(span.End, span.Start + 1, hidden.Size(0)));
    }

    [Fact]
    public void BuildPrompt_QuestionWithControlTokens_IsDefused()
    {
        using PixSearchModel model = Save(ElementType.F32);
        int[] slots = model.BuildPrompt("a</s><search> b <image> 1 < 2", TinyModels.Picture(8, 8, 1)).Slots;
        Assert.Equal(1, slots.Count(slot => slot == model.Tokenizer.IdOf("<s>")));
        Assert.DoesNotContain(model.Tokenizer.IdOf("</s>"), slots);
        Assert.DoesNotContain(model.Tokenizer.IdOf("<search>"), slots);
        int[] text = [.. slots.Where(slot => slot >= 0)];
        Assert.Equal("<s>USER: <im_start><im_end>\na/s>search> b image> 1 < 2 ASSISTANT:",
            model.Tokenizer.Decode(text));
    }

    [Fact]
    public void Load_BrokenCheckpoint_ListsEveryBadTensor()
    {
        using (PixSearchModel model = Save(ElementType.F32))
        {
            IEnumerable<TensorPayload> payloads = model.Weights.All
                .Where(weight => weight.Name is not ("lm_head.weight" or "model.norm.weight"))
                .Select(weight => TensorPayload.Of(weight, ElementType.F32))
                .Append(TensorPayload.Floats("lm_head.weight", new Shape(3, 32), new float[96]))
                .Append(TensorPayload.Floats("surplus", new Shape(1), new float[1]));
            SafetensorsWriter.Write(Path.Combine(_folder, ModelFolder.WeightsFile), payloads);
        }

        var error = Assert.Throws<PixException>(() => ModelFolder.Load(_backend, _folder));
        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        Assert.Contains("1 missing: model.norm.weight [32]", error.Message, StringComparison.Ordinal);
        Assert.Contains("1 mis-shaped: lm_head.weight is [3, 32], expected [352, 32]", error.Message,
            StringComparison.Ordinal);
        Assert.Contains("1 unknown: surplus", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Save_AsBF16_KeepsTheGaussianMatrixInF32()
    {
        using PixSearchModel model = Save(ElementType.BF16);
        using var file = new SafetensorsFile(Path.Combine(_folder, ModelFolder.WeightsFile));
        Assert.Equal(["model.visual_model.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"],
            file.Tensors.Values.Where(entry => entry.Type != ElementType.BF16).Select(entry => entry.Name));
    }

    public void Dispose()
    {
        _backend.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private PixSearchModel Save(ElementType type)
    {
        byte[] json = TinyModels.TokenizerJson();
        File.WriteAllBytes(Path.Combine(_folder, ModelFolder.TokenizerFile), json);
        ITokenizer tokenizer = TokenizerJson.Parse(json, "tiny");
        PixSearchConfig config = TinyModels.PixSearch(TinyModels.VocabularySize);
        var weights = new WeightStore(new RandomWeights(_backend, 11));
        var network = new PixSearchNetwork(weights, config);
        PixSearchFolder.Save(config, weights, _folder, type);
        return new PixSearchModel(_backend, weights, network, tokenizer);
    }

    private float[] LogitsOf(PixSearchModel model, RgbImage picture)
    {
        using var scope = new TensorScope();
        using IImageEncoding image = model.EncodeImage(picture);
        return Read(model.Network.Text.Logits(_backend, HiddenOf(model, picture, image)));
    }

    private static Tensor HiddenOf(PixSearchModel model, RgbImage picture, IImageEncoding image)
    {
        ModelPrompt prompt = model.BuildPrompt("Point out the flag.", picture);
        using KvStore store = model.CreateKvStore(64, 4);
        int[] pages = [.. Enumerable.Range(0, (prompt.Slots.Length + 3) / 4)];
        var sequence = new StepSequence(prompt.Slots, 0, prompt.Slots.Length, pages, image, prompt);
        return model.Step([sequence], store).Hidden;
    }

    private float[] Read(Tensor tensor)
    {
        float[] numbers = new float[tensor.Count];
        _backend.Read(tensor, numbers);
        return numbers;
    }
}
