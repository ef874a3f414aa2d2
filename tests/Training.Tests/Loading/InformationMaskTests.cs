using PixSearch.Training.Loading;

namespace PixSearch.Training.Tests.Loading;

/// <summary>The overlap rule of PixSearch §3.3, to the character.</summary>
public sealed class InformationMaskTests
{
    private const string Text = "ab<information>xy</information>cd<information>z";

    [Fact]
    public void Blocks_ClosedAndOpen_IncludeTheirTags() =>
        Assert.Equal([(2, 31), (33, 47)], InformationMask.Blocks(Text));

    [Theory]
    [InlineData(0, 2, true)] // ends where the block begins: e > s_k fails
    [InlineData(1, 3, false)] // one character of the opening tag is enough
    [InlineData(2, 15, false)] // the opening tag itself
    [InlineData(15, 17, false)] // evidence
    [InlineData(17, 31, false)] // the closing tag itself
    [InlineData(30, 32, false)] // one character of the closing tag is enough
    [InlineData(31, 33, true)] // begins where the block ends: s < e_k fails
    [InlineData(32, 34, false)] // reaches into the second block
    [InlineData(46, 47, false)] // a block that never closes
    public void Learned_TokenAtOffsets_FollowsTheOverlapRule(int start, int end, bool learned) =>
        Assert.Equal([learned], InformationMask.Learned(Text, [(start, end)]));

    [Fact]
    public void Learned_NoBlock_IsAll() => Assert.Equal([true, true], InformationMask.Learned("abcd", [(0, 2), (2,
        4)]));
}
