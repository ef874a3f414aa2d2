namespace PixSearch.Abstractions;

// Goal: what a file says can neither break a message into several lines nor command the terminal it is shown on.
public sealed class PlainTextTests
{
    [Theory]
    [InlineData("model.layers.0.weight", "model.layers.0.weight")]
    [InlineData("größer als 漢字 🙂", "größer als 漢字 🙂")]
    [InlineData("one\ntwo\r\nthree\u2028four", "one two three four")]
    [InlineData("\u001b[2Jgone", "\\u001B[2Jgone")]
    [InlineData("a\0b\u0007\u009bc", "a\\u0000b\\u0007\\u009Bc")]
    [InlineData("x\u202Egpj.exe", "x\\u202Egpj.exe")]
    [InlineData("", "")]
    public void OneLine_Text_IsPlain(string text, string expected) => Assert.Equal(expected, PlainText.OneLine(text));

    [Fact]
    public void PixException_MessageWithControlCharacters_IsOneLine()
    {
        var error = new PixException(PixErrorKind.BrokenArtifact, "tensor 'a\nb\u001b[0m'");
        Assert.Equal("tensor 'a b\\u001B[0m'", error.Message);
    }
}
