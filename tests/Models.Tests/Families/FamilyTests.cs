using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Models.Families;
using PixSearch.Models.PixelLm;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Families;

// Tiny random models of the other families through the whole path: saved, loaded by folder, prompted, stepped, masked.
public sealed class FamilyTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("families").FullName;
    private readonly IBackend _backend = new ReferenceBackend();

    [Fact]
    public void Lisa_SegmentToken_IsPromptedByTheStateBeforeIt()
    {
        using var model = (LisaModel)TinyFolders.Lisa(_backend, _folder);
        using var scope = new TensorScope();
        RgbImage picture = TinyModels.Picture(20, 30, 5);
        using IImageEncoding image = model.EncodeImage(picture);
        (int[] slots, Tensor hidden) = Run(model, picture, image, "Sure, [SEG] and [SEG].");
        IReadOnlyList<Grounding> groundings = model.Ground(slots, hidden);
        int token = model.Tokenizer.IdOf("[SEG]");
        Assert.Equal(slots.Index().Where(slot => slot.Item == token).Select(slot => slot.Index),
            groundings.Select(grounding => grounding.Start));
        Tensor masks = model.DecodeMasks(image, groundings, hidden);
        Assert.Equal(new Shape(2, 30, 20), masks.Shape);

        // The state at [SEG] itself plays no part: a sequence cut before the last token gives the same masks.
        Tensor cut = _backend.Slice(hidden, 0, 0, groundings[1].Start);
        Assert.Equal(groundings, model.Ground(slots, cut));
        Assert.Equal(Read(masks), Read(model.DecodeMasks(image, groundings, cut)));
    }

    [Fact]
    public void PixelLm_SixTokens_GiveOneMaskAndSevenGiveNone()
    {
        using var model = (PixelLmModel)TinyFolders.PixelLm(_backend, _folder);
        using var scope = new TensorScope();
        RgbImage picture = TinyModels.Picture(20, 40, 5);
        using IImageEncoding image = model.EncodeImage(picture);
        string six = "[SEG0][SEG1][SEG2][SEG3][SEG4][SEG5]";
        (int[] slots, Tensor hidden) = Run(model, picture, image, $"It is {six} and {six}.");
        IReadOnlyList<Grounding> groundings = model.Ground(slots, hidden);
        Assert.Equal([6, 6], groundings.Select(grounding => grounding.Tokens!.Count));
        Tensor masks = model.DecodeMasks(image, groundings, hidden);
        Assert.Equal(new Shape(2, 40, 20), masks.Shape);
        Assert.All(Read(masks), value => Assert.True(float.IsFinite(value)));

        (slots, hidden) = Run(model, picture, image, $"It is {six} and [SEG0].");
        Assert.Empty(model.Ground(slots, hidden));
    }

    [Fact]
    public void PixelLm_TallPicture_LeavesOutPaddingAndKeepsPositions()
    {
        using var model = (PixelLmModel)TinyFolders.PixelLm(_backend, _folder);
        RgbImage picture = TinyModels.Picture(20, 40, 5);
        int[] slots = model.BuildPrompt("What?", picture).Slots;

        // 64 pixels, 32 of them valid across: of a 4x4 grid the left half.
        Assert.Equal([0, 1, 4, 5, 8, 9, 12, 13], slots.Where(slot => slot < 0).Select(slot => ~slot));
        using IImageEncoding image = model.EncodeImage(picture);
        Assert.Equal(8, image.SlotCount);

        // The same sequence with the padding's keys hidden by a mask instead, as the authors do it.
        using var scope = new TensorScope();
        (int[] whole, Tensor hidden) = Run(model, picture, image, "");
        int first = Array.FindIndex(whole, slot => slot < 0);
        PixelLmPicture encoded = EncodeDirectly(model, picture);
        int[] after = whole[(first + 8)..];
        Tensor x = _backend.Concat(0, model.Network.Text.Embed(_backend, whole.AsSpan(0, first)), encoded.Rows,
            model.Network.Text.Embed(_backend, after));
        float[] valid = [.. Enumerable.Range(0, x.Size(0)).Select(i =>
            i - first is >= 0 and < 16 && (i - first) % 4 >= 2 ? 0f : 1f)];
        AttentionMask mask = AttentionMask.CausalOnly with { KeyValid = _backend.From(valid,
            new Shape(1, valid.Length)) };
        Tensor expected = model.Network.Text.ForwardSequence(_backend, _backend.Reshape(x, new Shape(1, x.Size(0), 32)),
            mask);
        float[] last = Read(expected)[^32..];
        Assert.Equal(last, Read(hidden)[^32..], (a, b) => MathF.Abs(a - b) < 1e-5f);
    }

    [Fact]
    public void PixelLm_ResizedPositions_TakeTheRowOfClsForTheGrid()
    {
        using var model = (PixelLmModel)TinyFolders.PixelLm(_backend, _folder);
        using var scope = new TensorScope();
        Weight table = model.Network.Vision.PositionTable;
        Tensor resized = model.Network.Vision.Positions(_backend);

        // 5x5 + CLS rows: rows 0..24 become 8x8; output (0, 0) is exactly row 0 (CLS's), the last row is row 25.
        Assert.Equal(new Shape(65, 16), resized.Shape);
        Assert.Equal(Read(_backend.Use(table))[..16], Read(resized)[..16], (a, b) => MathF.Abs(a - b) < 1e-6f);
        Assert.Equal(Read(_backend.Use(table))[^16..], Read(resized)[^16..]);
    }

    [Fact]
    public void PixelSail_SegmentTokens_OwnMasksExceptAnUnfollowedLast()
    {
        using var model = (PixelSailModel)TinyFolders.PixelSail(_backend, _folder);
        using var scope = new TensorScope();
        RgbImage picture = TinyModels.Picture(40, 20, 5);
        using IImageEncoding image = model.EncodeImage(picture);
        Assert.Equal(6, image.SlotCount); // 40x20 -> 48x32 -> 3x2 patches
        (int[] slots, Tensor hidden) = Run(model, picture, image, "It is [SEG].");
        IReadOnlyList<Grounding> groundings = model.Ground(slots, hidden);
        Assert.Single(groundings);
        Tensor masks = model.DecodeMasks(image, groundings, hidden);
        Assert.Equal(new Shape(1, 20, 40), masks.Shape);
        Assert.Empty(model.Ground(slots, _backend.Slice(hidden, 0, 0, groundings[0].Start)));
    }

    [Fact]
    public void PixelSail_VisualPrompt_ChangesOnlyThePatchesItTouches()
    {
        using var model = (PixelSailModel)TinyFolders.PixelSail(_backend, _folder);
        using var scope = new TensorScope();
        RgbImage picture = TinyModels.Picture(48, 32, 5);
        var mask = new BinaryMask(48, 32) { [16, 31] = true }; // one pixel, in patch (1, 1)
        using IImageEncoding plain = model.EncodeImage(picture);
        using IImageEncoding marked = model.EncodeImage(picture, [new VisualPrompt(2, mask)]);
        float[] before = RowsThroughTheModel(model, picture, plain);
        float[] after = RowsThroughTheModel(model, picture, marked);
        int[] changed = [.. Enumerable.Range(0, 6).Where(patch =>
            !before.AsSpan(patch * 32, 32).SequenceEqual(after.AsSpan(patch * 32, 32)))];
        Assert.Equal([4], changed);
        int[] slots = model.BuildPrompt("Describe <Prompt2>, <|im_end|>.", picture).Slots;
        Assert.Contains(model.Tokenizer.IdOf("<Prompt2>"), slots);
        Assert.Equal(1, slots.Count(slot => slot == model.Tokenizer.IdOf("<|im_end|>")));
    }

    [Fact]
    public void EveSail_PictureSlots_GoThroughWeightsOfTheirOwn()
    {
        using var model = (EveSailModel)TinyFolders.EveSail(_backend, _folder);
        using var scope = new TensorScope();
        RgbImage picture = TinyModels.Picture(90, 40, 5);
        using IImageEncoding image = model.EncodeImage(picture);
        Assert.Equal((3, 2), EveSailModel.GridOf(90, 40, 64));
        Assert.Equal(1 + (2 * 4), image.SlotCount); // class; twice three patches and a split
        (int[] slots, Tensor hidden) = Run(model, picture, image, "It is [SEG].");
        Tensor masks = model.DecodeMasks(image, model.Ground(slots, hidden), hidden);
        Assert.Equal(new Shape(1, 40, 90), masks.Shape);

        // A weight that only picture rows use changes the text after the picture, but nothing before it.
        int first = Array.FindIndex(slots, slot => slot < 0);
        float[] before = Read(hidden);
        Weight twin = model.Weights.Find("single_transformer.model.layers.0.moe_post_attention_layernorm.weight")!;
        twin.Plain!.Span.Fill(0.3f);
        twin.Version++;
        float[] after = Read(Run(model, picture, image, "It is [SEG].").Hidden);
        Assert.Equal(before[..(first * 32)], after[..(first * 32)]);
        Assert.NotEqual(before[^32..], after[^32..]);
    }

    [Fact]
    public void PixelSail_Patches_AreFlattenedByColourRowColumn()
    {
        var picture = new RgbImage(4, 2, [.. Enumerable.Range(0, 24).Select(i => (byte)(10 * i))]);
        var prepared = Preprocessing.PicturePreprocessorTests.Raw(picture);
        float[] flat = PixelSailModel.Flatten(prepared, 2);

        // Pixel (y, x) has the red byte 30 * (4 y + x): patch 1 begins at (0, 2).
        Assert.Equal([0f, 30, 120, 150], flat[..4].Select(v => MathF.Round(v * 255)));
        Assert.Equal([60f, 90, 180, 210], flat[12..16].Select(v => MathF.Round(v * 255)));
    }

    public void Dispose()
    {
        _backend.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    // Prefills prompt and answer (the picture's prefix in one step), and returns all slots and hidden states.
    private (int[] Slots, Tensor Hidden) Run(ISegmentingModel model, RgbImage picture, IImageEncoding image,
        string answer)
    {
        ModelPrompt prompt = model.BuildPrompt("Where?", picture);
        int[] slots = [.. prompt.Slots, .. model.Tokenizer.Encode(answer)];
        int[] pages = [.. Enumerable.Range(0, (slots.Length + 3) / 4)];
        using KvStore store = model.CreateKvStore(pages.Length, 4);
        int cut = Math.Max(prompt.FullEnd, slots.Length / 2);
        Tensor first = model.Step([new StepSequence(slots, 0, cut, pages, image, prompt)], store).Hidden;
        Tensor second = model.Step([new StepSequence(slots, cut, slots.Length - cut, pages, image, prompt)],
            store).Hidden;
        return (slots, _backend.Concat(0, first, second));
    }

    private PixelLmPicture EncodeDirectly(PixelLmModel model, RgbImage picture)
    {
        var prepared = Models.Preprocessing.PicturePreprocessor.SamPadded(picture, 64);
        float[] keys = [1, .. PixelLmModel.ValidCells(model.Network.Config, prepared.ValidHeight, prepared.ValidWidth,
            8)
            .Select(cell => cell ? 1f : 0f)];
        return model.Network.Encode(_backend, prepared.ToTensor(_backend),
            _backend.From(keys, new Shape(1, keys.Length)));
    }

    // Embeddings of the patches, seen from outside: layer by layer is not needed, they are what EncodeImage made.
    private float[] RowsThroughTheModel(PixelSailModel model, RgbImage picture, IImageEncoding image)
    {
        ModelPrompt prompt = model.BuildPrompt("x", picture);
        Tensor rows = new SequenceStepper(_backend, model.Network.Text, model.RowsOf, model.Place)
            .Embed([new StepSequence(prompt.Slots, 1, 6, new int[4], image, prompt)]);
        return Read(rows);
    }

    private float[] Read(Tensor tensor)
    {
        float[] numbers = new float[tensor.Count];
        _backend.Read(tensor, numbers);
        return numbers;
    }
}
