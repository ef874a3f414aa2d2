using PixSearch.Models.Tokenizers;

namespace PixSearch.Models.Tests.Tokenizers;

// Goal: added tokens are found leftmost and longest, and take along the white space that their flags say.
public sealed class AddedTokenTests
{
    [Theory]
    [InlineData("a<x>b", "a|<x>|b")]
    [InlineData("<x><xy>", "<x>|<xy>")]
    [InlineData("<x", "<x")]
    [InlineData("<<x>>", "<|<x>|>")]
    [InlineData("a [SEG] [SEG] b", "a| [SEG] |[SEG] |b")]
    [InlineData("word", "word")]
    [InlineData("a word, wordy sword word", "a |word|, wordy sword |word")]
    [InlineData("", "")]
    public void Split_Text_GivesTokensAndTheTextBetween(string text, string expected)
    {
        var tokens = new AddedTokens(
        [
            new AddedToken(0, "<x>", Special: true),
            new AddedToken(1, "<xy>", Special: true),
            new AddedToken(2, "[SEG]", Special: false, StripLeft: true, StripRight: true),
            new AddedToken(3, "word", Special: false, SingleWord: true),
        ]);
        var pieces = new List<string>();

        tokens.Split(text, (start, end, _) => pieces.Add(text[start..end]));

        Assert.Equal(expected, string.Join('|', pieces));
    }
}
