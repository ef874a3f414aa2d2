using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Models.Families;
using PixSearch.Models.Preprocessing;
using PixSearch.Training.Loading;
using PixSearch.Training.Running;

namespace PixSearch.Training.Tests.Loading;

/// <summary>From files to batches: tokens, labels, cuts, pictures, order of samples.</summary>
public sealed class LoadingTests
{
    [Fact]
    public void Prepare_RegionSample_MarksWhatTheLossesNeed()
    {
        using var world = new TinyWorld();
        var tokenizer = new SampleTokenizer(world.Tokenizer);
        SampleSet set = SampleSet.Load([world.Folder], "train", tokenizer, 256);
        PreparedSample sample = set.Groups[2][1];
        int[] slots = PixSearchPrompt.Build(world.Tokenizer, "Which one?", 1);
        Assert.Equal(slots[..Array.IndexOf(slots, ~0)], tokenizer.Prefix);
        int promptLength = slots.Length - tokenizer.Prefix.Length - 1;
        Assert.Equal(slots[^promptLength..], sample.Tokens[..promptLength]);
        Assert.Equal(
            " The square<search><region></search><information>blue: fact 2</information> is blue.",
            world.Tokenizer.Decode(sample.Tokens.AsSpan(promptLength, sample.Tokens.Length - promptLength - 1)));

        // No loss on the prompt and from <information> to </information>; loss on all else and on the end token.
        int open = Array.IndexOf(sample.Tokens, world.Tokenizer.IdOf("<information>"));
        int close = Array.IndexOf(sample.Tokens, world.Tokenizer.IdOf("</information>"));
        for (int t = 0; t < sample.Tokens.Length; t++)
        {
            Assert.Equal(t >= promptLength && (t < open || t > close), sample.Learned[t]);
        }

        Assert.Equal(2, sample.Tokens[^1]);
        Assert.Equal(close + 1, sample.AnswerStart);
        PreparedSpan span = Assert.Single(sample.Spans);
        Assert.Equal("The square", world.Tokenizer.Decode(sample.Tokens.AsSpan(span.Start,
            span.End - span.Start)).Trim());
        Assert.Equal(1, sample.Labels[span.Start]);
        Assert.All(sample.Labels[(span.Start + 1)..span.End], label => Assert.Equal(2, label));
        Assert.Equal(span.End - span.Start, sample.Labels.Count(label => label != 0));

        // Decoding runs the tagger right behind </search>, which is where <information> will stand.
        Assert.Equal([open], sample.Cuts);
    }

    [Fact]
    public void StoredPicture_PreparedForSam_GivesTheSameNumbers()
    {
        var random = new SeededRandom(5);
        byte[] pixels = new byte[3 * 40 * 23];
        foreach (ref byte pixel in pixels.AsSpan())
        {
            pixel = (byte)random.NextInt(256);
        }

        PreparedPicture prepared = PicturePreprocessor.SamPadded(new RgbImage(40, 23, pixels), 32);
        var stored = StoredPicture.From(prepared, PixelNormalization.Sam);
        float[] numbers = new float[stored.Count];
        stored.Write(PixelNormalization.Sam, numbers);
        Assert.Equal(prepared.Numbers.ToArray(), numbers);
    }

    [Fact]
    public void Coverage_WideMask_LiesAtTheTopOfItsSquare()
    {
        // 8 x 4 pixels, the left half set: on a 4 x 4 grid each cell covers 2 x 2, the lower half is padding.
        var mask = new BinaryMask(8, 4);
        for (int y = 0; y < 4; y++)
        {
            mask.Bits.Slice(y * 8, 3).Fill(1);
        }

        byte[] coverage = PictureStore.Coverage(mask, 4);
        Assert.Equal([255, 128, 0, 0, 255, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], coverage.Select(value => (int)value));
    }

    [Fact]
    public void Sampler_OneEpoch_ShowsEveryPictureOnce()
    {
        using var world = new TinyWorld();
        SampleSet set = SampleSet.Load([world.Folder], "train", new SampleTokenizer(world.Tokenizer), 256);
        var sampler = new BatchSampler(set, 1, 2);
        var seen = Enumerable.Range(0, 2).SelectMany(i => sampler.Next(i, new QuestionMix(1, 0.5)).Groups)
            .Select(group => group[0].Picture);
        Assert.Equal(4, seen.Distinct().Count());
    }

    [Fact]
    public void Sampler_BatchByNumber_DoesNotDependOnWhatCameBefore()
    {
        using var world = new TinyWorld();
        SampleSet set = SampleSet.Load([world.Folder], "train", new SampleTokenizer(world.Tokenizer), 256);
        var first = new BatchSampler(set, 1, 3);
        _ = first.Next(0, new QuestionMix(1, 0.5));
        _ = first.Next(1, new QuestionMix(1, 0.5));
        string[] Ids(BatchSampler sampler) =>
            [.. sampler.Next(5, new QuestionMix(1, 0.5)).Groups.SelectMany(g => g).Select(s => s.Id)];
        Assert.Equal(Ids(first), Ids(new BatchSampler(set, 1, 3)));
    }

    [Theory]
    [InlineData(1.0, 1)]
    [InlineData(0.0, 2)]
    public void Sampler_OnlyOneKind_GivesOnlyThat(double segmentShare, int stage)
    {
        using var world = new TinyWorld();
        SampleSet set = SampleSet.Load([world.Folder], "train", new SampleTokenizer(world.Tokenizer), 256);
        var groups = new BatchSampler(set, 1, 4).Next(3, new QuestionMix(5, segmentShare)).Groups;
        Assert.All(groups.SelectMany(group => group), sample => Assert.Equal(stage, sample.Stage));
    }

    [Fact]
    public void Load_TooLongSamples_AreLeftOutAndCounted()
    {
        using var world = new TinyWorld();
        var tokenizer = new SampleTokenizer(world.Tokenizer);
        SampleSet all = SampleSet.Load([world.Folder], "train", tokenizer, 256);
        int longest = all.Groups.SelectMany(group => group).Max(sample => sample.Tokens.Length);
        SampleSet fewer = SampleSet.Load([world.Folder], "train", tokenizer, longest - 1);
        Assert.True(fewer.SkippedCount > 0);
        Assert.Equal(all.Count, fewer.Count + fewer.SkippedCount);
        Assert.Throws<PixException>(() => SampleSet.Load([world.Folder], "train", tokenizer, 1));
    }

    [Fact]
    public void CopyTasks_ManyTexts_LearnOnlyWhatWasSaidBefore()
    {
        using var world = new TinyWorld();
        var tasks = new CopyTasks(world.Tokenizer, 4096);
        var random = new SeededRandom(6);
        for (int i = 0; i < 50; i++)
        {
            TextRow row = i % 2 == 0 ? tasks.MakeList(random) : tasks.MakeCards(random);
            int cut = Array.IndexOf(row.Learned, true);
            string given = world.Tokenizer.Decode(row.Tokens.AsSpan(1, cut - 1));
            string copied = world.Tokenizer.Decode(row.Tokens.AsSpan(cut));
            string[] unknown = [.. copied.Split([' ', '.'], StringSplitOptions.RemoveEmptyEntries)
                .Where(word => word is not ("is" or "Its") && !given.Contains(word, StringComparison.Ordinal))];
            Assert.Empty(unknown);
            Assert.All(row.Learned[cut..], Assert.True);
        }
    }

    [Fact]
    public void CopyTasks_Tokens_RepeatWithAPeriodAndHaveNoTags()
    {
        using var world = new TinyWorld();
        var tasks = new CopyTasks(world.Tokenizer, 4096);
        var random = new SeededRandom(7);
        string[] tags = ["<search>", "</search>", "<information>", "</information>", "<region>", "<s>", "</s>"];
        int[] forbidden = [.. tags.Select(world.Tokenizer.IdOf)];
        for (int i = 0; i < 50; i++)
        {
            TextRow row = tasks.MakeTokens(random);
            int period = Array.IndexOf(row.Learned, true) - 1;
            Assert.InRange(period, 3, 24);
            Assert.True(row.Tokens.Length >= (2 * period) + 1);
            for (int t = period + 1; t < row.Tokens.Length; t++)
            {
                Assert.Equal(row.Tokens[t - period], row.Tokens[t]);
                Assert.True(row.Learned[t]);
                Assert.DoesNotContain(row.Tokens[t], forbidden);
            }
        }
    }

    [Fact]
    public void Prefetcher_BuilderThrows_TakerSeesIt()
    {
        using var items = new Prefetcher<long>(3, 2, i => i < 5 ? i : throw new PixException(PixErrorKind.NotFound,
            "gone"));
        Assert.Equal(3, items.Take());
        Assert.Equal(4, items.Take());
        Assert.Equal("gone", Assert.Throws<PixException>(() => items.Take()).Message);
    }

    [Fact]
    public void LocateTasks_GiveCoordinatesInSixteenthsOfThePicture()
    {
        using var world = new TinyWorld();
        SampleSet set = SampleSet.Load([world.Folder], "train", new SampleTokenizer(world.Tokenizer), 256, locates: 2);
        PreparedSample[] locates = [.. set.Groups[1].Where(sample => sample.Stage == 0)];
        string[] texts = [.. locates.Select(sample => world.Tokenizer.Decode(sample.Tokens))];

        // The square of picture 1 is 12 pixels wide at x 8, y 8 of 32: centre 14 / 32 = 7 sixteenths, size 6.
        Assert.Contains("Locate the square. ASSISTANT: The square h h g g.</s>", texts[0], StringComparison.Ordinal);
        Assert.Contains("Locate everything. ASSISTANT: The square h h g g.</s>", texts[1], StringComparison.Ordinal);
        Assert.All(locates, sample => Assert.Equal("The square",
            world.Tokenizer.Decode(sample.Tokens.AsSpan(sample.Spans[0].Start..sample.Spans[0].End)).Trim()));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void PromptMaker_PointIsInsideAndBoxIsAround(int seed)
    {
        // A rectangle of 4 x 6 cells in a 16 x 16 mask; a cell is 4 pixels.
        byte[] coverage = new byte[256];
        for (int y = 5; y < 11; y++)
        {
            coverage.AsSpan((y * 16) + 3, 4).Fill(255);
        }

        var random = new SeededRandom((ulong)seed);
        int boxes = 0;
        for (int i = 0; i < 50; i++)
        {
            PromptRow row = PromptMaker.Make(2, coverage, 16, 64, random);
            Assert.Equal(2, row.Picture);
            Assert.NotEqual(row.Point is null, row.Box is null);
            if (row.Point is { } point)
            {
                Assert.InRange(point.X, 12, 28);
                Assert.InRange(point.Y, 20, 44);
                Assert.True(point.Inside);
                continue;
            }

            boxes++;
            Assert.InRange(row.Box!.Value.Left, 12 - 1.7f, 12 + 1.7f);
            Assert.InRange(row.Box!.Value.Bottom, 44 - 2.5f, 44 + 2.5f);
        }

        Assert.InRange(boxes, 5, 40);
    }

    [Fact]
    public void PatchNamer_PatchOfThing_HasItsWord()
    {
        using var world = new TinyWorld();
        SampleSet set = SampleSet.Load([world.Folder], "train", new SampleTokenizer(world.Tokenizer), 256);
        var store = new PictureStore([], 16);

        // The square of picture 0 covers pixels 4..15 x 8..19 of 32: of four patches a side, in columns 0, 1 and rows
        // 1, 2, half, all, a quarter and half.
        int square = world.Tokenizer.Encode(" square")[0];
        int[] names = new PatchNamer(store, 16, 4).Name(set.Groups[0][0].Things);
        int[] expected = new int[16];
        (expected[4], expected[5], expected[8], expected[9]) = (square, square, square, square);
        Assert.Equal(expected, names);
    }
}
