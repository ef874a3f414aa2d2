using PixSearch.Abstractions;
using PixSearch.Models;
using PixSearch.Models.Tokenizers;
using PixSearch.Training.Data;
using PixSearch.Training.Loading;
using Xunit.Abstractions;

namespace PixSearch.Training.Tests.Loading;

/// <summary>Other names and values in evidence, and the same ones where they are copied.</summary>
public sealed class FactChangerTests(ITestOutputHelper output)
{
    private const string Hops = "The flag on the right<search><region></search><information>Japan: capital Tokyo; "
        + "currency Japanese yen; area 377930 sq km; neighbours 0 | Fiji: capital Suva; area 18272 sq"
        + "</information> is Japan. Its currency is Japanese yen<search>currency code of Japanese yen</search>"
        + "<information>Japanese yen: currency code JPY; number of users 1</information>. The currency code is JPY.";

    [Fact]
    public void Change_TwoSearches_CopiesFollowTheirEvidence()
    {
        using var world = new TinyWorld();
        var changer = new FactChanger(world.Tokenizer);
        Sample sample = Make("multihop", "Which code has the money of the flag on the right?", Hops, true);
        int titles = 0;
        for (ulong seed = 0; seed < 200; seed++)
        {
            Sample changed = changer.Change(sample, new SeededRandom(seed));
            output.WriteLine(changed.Trajectory);
            Assert.Equal(sample.Question, changed.Question);
            Assert.StartsWith("The flag on the right<search><region></search><information>", changed.Trajectory,
                StringComparison.Ordinal);
            string[] blocks = [.. InformationMask.Blocks(changed.Trajectory)
                .Select(block => changed.Trajectory[block.Start..block.End])];
            string title = Between(blocks[0], "<information>", ": ");
            string money = Between(blocks[0], "; currency ", "; ");
            string code = Between(blocks[1], "currency code ", "; ");
            Assert.Equal($"<information>{money}: ", blocks[1][..(15 + money.Length)]);
            Assert.EndsWith($" is {title}. Its currency is {money}<search>currency code of {money}</search>{blocks[1]}"
                + $". The currency code is {code}.", changed.Trajectory, StringComparison.Ordinal);
            titles += title == "Japan" ? 0 : 1;
        }

        Assert.InRange(titles, 140, 195);
    }

    [Fact]
    public void Change_TextSearch_ChangesTheQuestionToo()
    {
        using var world = new TinyWorld();
        var changer = new FactChanger(world.Tokenizer);
        Sample sample = Make("text", "Tell me the area of Aruba.", "<search>area of Aruba</search><information>"
            + "Aruba: capital Oranjestad; area 180 sq km</information>The area of Aruba is 180 sq km.", false);
        var areas = new HashSet<string>(StringComparer.Ordinal);
        for (ulong seed = 0; seed < 100; seed++)
        {
            Sample changed = changer.Change(sample, new SeededRandom(seed));
            output.WriteLine($"{changed.Question} {changed.Trajectory}");
            string title = Between(changed.Question, "area of ", ".");
            string area = Between(changed.Trajectory, "; area ", "<");
            Assert.StartsWith($"<search>area of {title}</search><information>{title}: capital ", changed.Trajectory,
                StringComparison.Ordinal);
            Assert.EndsWith($"</information>The area of {title} is {area}.", changed.Trajectory,
                StringComparison.Ordinal);
            Assert.EndsWith(" sq km", area, StringComparison.Ordinal);
            areas.Add(area);
        }

        Assert.True(areas.Count > 60, $"only {areas.Count} areas");
    }

    [Theory]
    [InlineData("There is one wheel.")]
    [InlineData("<search>age of Oz</search><information>nothing found</information>I don't know.")]
    public void Change_WithoutFacts_IsTheSampleItself(string trajectory)
    {
        using var world = new TinyWorld();
        Sample sample = Make("none", "How many wheels?", trajectory, false);
        Assert.Same(sample, new FactChanger(world.Tokenizer).Change(sample, new SeededRandom(1)));
    }

    private static string Between(string text, string open, string close)
    {
        int from = text.IndexOf(open, StringComparison.Ordinal) + open.Length;
        return text[from..text.IndexOf(close, from, StringComparison.Ordinal)];
    }

    private static Sample Make(string kind, string question, string trajectory, bool ownsMask) => new()
    {
        Id = "a",
        Scene = "a",
        Split = "train",
        Image = "a.jpg",
        Width = 8,
        Height = 8,
        View = "ego",
        Stage = 2,
        Kind = kind,
        Question = question,
        Answer = "",
        Variants = [],
        Entities = [],
        Target = [],
        Trajectory = trajectory,
        Spans = ownsMask ? [new SampleSpan(0, 21, 0)] : [],
        Searches = [],
    };
}
