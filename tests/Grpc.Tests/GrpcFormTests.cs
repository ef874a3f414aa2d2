namespace PixSearch.Grpc.Tests;

/// <summary>The small forms of the protocol: messages, timeouts, metadata. Literal values of the
/// specification.</summary>
public sealed class GrpcFormTests
{
    [Theory]
    [InlineData("plain: text, {json}", "plain: text, {json}")]
    [InlineData("100%", "100%25")]
    [InlineData("a\nb", "a%0Ab")]
    [InlineData("Größe ✓", "Gr%C3%B6%C3%9Fe %E2%9C%93")]
    public void StatusText_EncodeAndDecode_MatchesSpecification(string text, string wire)
    {
        Assert.Equal(wire, GrpcStatusText.Encode(text));
        Assert.Equal(text, GrpcStatusText.Decode(wire));
    }

    [Fact]
    public void StatusText_VeryLong_IsCutAtACharacter()
    {
        string wire = GrpcStatusText.Encode(new string('✓', 5000));
        Assert.InRange(wire.Length, 1, GrpcStatusText.MessageBytesMax);
        Assert.Equal('✓', GrpcStatusText.Decode(wire)[^1]);
    }

    [Fact]
    public void StatusText_BrokenEscape_StaysAsItIs() => Assert.Equal("50% of%2", GrpcStatusText.Decode("50% of%2"));

    [Theory]
    [InlineData("1H", 3600_0000000L)]
    [InlineData("2M", 120_0000000L)]
    [InlineData("3S", 3_0000000L)]
    [InlineData("4m", 4_0000L)]
    [InlineData("5u", 50L)]
    [InlineData("150n", 2L)]
    [InlineData("0n", 0L)]
    [InlineData("99999999H", 40 * 24 * 3600_0000000L)]
    public void Timeout_Parse_GivesTicks(string text, long ticks)
    {
        Assert.True(GrpcTimeout.TryParse(text, out TimeSpan timeout));
        Assert.Equal(ticks, timeout.Ticks);
    }

    [Theory]
    [InlineData("")]
    [InlineData("S")]
    [InlineData("5")]
    [InlineData("-5S")]
    [InlineData("5 S")]
    [InlineData("5s")]
    [InlineData("123456789S")]
    public void Timeout_ParseOfBadForm_IsRefused(string text) => Assert.False(GrpcTimeout.TryParse(text, out _));

    [Theory]
    [InlineData(-1, "0u")]
    [InlineData(1_500, "1500000u")]
    [InlineData(600_000, "600000m")]
    [InlineData(1_000_000_000, "1000000S")]
    public void Timeout_Format_FitsEightDigits(long milliseconds, string expected) =>
        Assert.Equal(expected, GrpcTimeout.Format(TimeSpan.FromMilliseconds(milliseconds)));

    [Theory]
    [InlineData("Upper")]
    [InlineData("grpc-status")]
    [InlineData("te")]
    [InlineData("")]
    [InlineData("data-bin")]
    public void Metadata_KeyThatCannotTravel_IsRefused(string key) =>
        Assert.Throws<ArgumentException>(() => new GrpcMetadata().Add(key, "x"));

    [Fact]
    public void Metadata_TextOutsideAscii_IsRefused() =>
        Assert.Throws<ArgumentException>(() => new GrpcMetadata().Add("name", "Größe"));

    [Fact]
    public void Metadata_BytesWithAndWithoutPaddingAndJoined_AreRead()
    {
        var metadata = new GrpcMetadata();
        metadata.AddWire("X-Bin", "AQI,AQI=, !!");
        Assert.Equal(2, metadata.Count);
        Assert.All(metadata, static entry => Assert.Equal(new byte[] { 1, 2 }, entry.Bytes.ToArray()));
    }
}
