using PixSearch.Models.Plum;

namespace PixSearch.Models.Tests.Plum;

// O = 0, B = 1, I = 2.
public sealed class SpanRuleTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("000", "")]
    [InlineData("0122010", "1-4 5-6")]
    [InlineData("2201", "3-4")]
    [InlineData("112", "0-1 1-3")]
    [InlineData("1202", "0-2")]
    [InlineData("0122", "1-4")]
    public void Spans_OfLabels_FollowTheRule(string labels, string expected)
    {
        IReadOnlyList<Grounding> spans = SpanRule.Spans([.. labels.Select(c => c - '0')]);
        Assert.Equal(expected, string.Join(' ', spans.Select(span => $"{span.Start}-{span.End}")));
    }
}
