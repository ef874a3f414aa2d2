using PixSearch.Inference.Placement;

namespace PixSearch.Inference.Tests.Placement;

/// <summary>Goal: sessions go where they are done first, never where they cannot run, and a burst does not
/// herd.</summary>
public sealed class EngineChoiceTests
{
    private static readonly EngineWish s_wish = new("nano", "abc", CostEstimate: 300, CostPicture: 150);

    [Fact]
    public void Pick_NoEngineHasTheModel_IsNone() =>
        Assert.Equal(-1, EngineChoice.Pick([Engine("a", models: "other")], s_wish, 0.5));

    [Fact]
    public void Pick_OnlyEngineDrains_IsNone() =>
        Assert.Equal(-1, EngineChoice.Pick([Engine("a", draining: true)], s_wish, 0.5));

    [Fact]
    public void Estimate_PictureCached_SavesItsCost()
    {
        Assert.Equal(300, EngineChoice.Estimate(Engine("a"), s_wish));
        Assert.Equal(150, EngineChoice.Estimate(Engine("a", picture: "abc"), s_wish));
    }

    [Fact]
    public void Estimate_PagesShort_IsStretchedButBounded()
    {
        Assert.Equal(600, EngineChoice.Estimate(Engine("a", free: 50), s_wish));
        Assert.Equal(6000, EngineChoice.Estimate(Engine("a", free: 0), s_wish));
    }

    [Theory]
    [InlineData(0.0, 1)]
    [InlineData(0.49, 1)]
    [InlineData(0.51, 0)]
    public void Pick_TwoAlike_SplitsEvenly(double draw, int expected) =>
        Assert.Equal(expected, EngineChoice.Pick([Engine("a"), Engine("b")], s_wish, draw));

    [Fact]
    public void Pick_SecondTwiceAsFar_NeverTakesIt() =>
        Assert.Equal(1, EngineChoice.Pick([Engine("a", queued: 300), Engine("b")], s_wish, 0));

    private static EngineLoad Engine(string name, double queued = 0, int free = 100, string models = "nano",
        string picture = "", bool draining = false) =>
        new(name, new HashSet<string> { models }, free, 100, queued, new HashSet<string> { picture }, draining);
}
