using PixSearch.Abstractions;
using PixSearch.Imaging.Masks;
using PixSearch.Training.Data.Questions;
using PixSearch.Training.Data.Scenes;

namespace PixSearch.Training.Tests.Data;

/// <summary>Goal: a phrase fits its thing and nothing else, with a margin.</summary>
public sealed class ReferringExpressionTests
{
    [Fact]
    public void For_OneOfItsKind_IsNamedByItsLabel()
    {
        SceneThing flag = Thing("flag", 100, 100), drum = Thing("drum", 300, 100);

        Assert.Equal(["the flag", "the flag left of the drum"], Texts(flag, flag, drum));
    }

    [Fact]
    public void For_TwoSideBySide_AreToldApartBySide()
    {
        SceneThing left = Thing("flag", 80, 200), right = Thing("flag", 300, 210);

        Assert.Equal(["the flag on the left"], Texts(left, left, right));
        Assert.Equal(["the flag on the right"], Texts(right, left, right));
    }

    [Fact]
    public void For_TwoNearlyAtOnePlace_HaveNoSide()
    {
        SceneThing a = Thing("flag", 180, 180), b = Thing("flag", 210, 200);

        Assert.Empty(Texts(a, a, b));
    }

    [Fact]
    public void For_ThreeInARow_HaveAMiddle()
    {
        SceneThing a = Thing("fish", 50, 200), b = Thing("fish", 190, 200), c = Thing("fish", 330, 200);

        Assert.Equal(["the fish in the middle"], Texts(b, a, b, c));
    }

    [Fact]
    public void For_LandmarkBetween_SeparatesThem()
    {
        SceneThing a = Thing("flag", 60, 200), b = Thing("flag", 330, 200), drum = Thing("drum", 190, 200);

        Assert.Equal(["the flag on the left", "the flag left of the drum"], Texts(a, a, b, drum));
    }

    [Fact]
    public void For_NearMissOfALandmark_IsNotUsed()
    {
        // b is a little left of the drum too: "left of the drum" would not say which.
        SceneThing a = Thing("flag", 60, 200), b = Thing("flag", 170, 200), drum = Thing("drum", 190, 330);

        Assert.DoesNotContain("the flag left of the drum", Texts(a, a, b, drum));
    }

    [Fact]
    public void For_MuchLarger_IsTheLargest()
    {
        SceneThing a = Thing("flag", 180, 180, 90), b = Thing("flag", 200, 200, 30);

        Assert.Equal(["the largest flag"], Texts(a, a, b));
        Assert.Equal(["the smallest flag"], Texts(b, a, b));
    }

    private static IEnumerable<string> Texts(SceneThing target, params SceneThing[] things) =>
        ReferringExpression.For(target, things).Select(phrase => phrase.Text);

    private static SceneThing Thing(string label, int centerX, int centerY, int side = 40)
    {
        var mask = new BinaryMask(SceneComposer.Side, SceneComposer.Side);
        for (int y = centerY - side / 2; y < centerY + side / 2; y++)
        {
            for (int x = centerX - side / 2; x < centerX + side / 2; x++)
            {
                mask[x, y] = true;
            }
        }

        return new SceneThing($"object:{label}", label, label, null, null, mask);
    }
}
