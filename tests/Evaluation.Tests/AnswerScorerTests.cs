namespace PixSearch.Evaluation.Tests;

/// <summary>Goal: the scoring rule, at its edges. Method: literal answers.</summary>
public sealed class AnswerScorerTests
{
    [Theory]
    [InlineData("The flag on the left is Fiji. Its capital is Suva.", "Suva", Verdict.Correct)]
    [InlineData("The flag on the left is Fiji. Its capital is suva", "SUVA", Verdict.Correct)]
    [InlineData("Suva is nice. Its capital is Nadi.", "Suva", Verdict.Wrong)]
    [InlineData("Its capital is Suvarnabhumi.", "Suva", Verdict.Wrong)]
    [InlineData("I don't know.", "Suva", Verdict.Missing)]
    [InlineData("The flag is Fiji. I don\u2019t know.", "Fiji", Verdict.Missing)]
    [InlineData("Its capital is Suva. Sorry, I DON'T KNOW more.", "Suva", Verdict.Missing)]
    [InlineData("Its capital is St. John's.", "St. John's", Verdict.Correct)]
    [InlineData("Its capital is Washington, D.C. now.", "Washington, D.C.", Verdict.Correct)]
    [InlineData("It is Cyprinus sp. carpio.", "Cyprinus sp. carpio", Verdict.Correct)]
    [InlineData("It has 3.5 mg.", "3", Verdict.Wrong)]
    [InlineData("It has 3.5 mg.", "5", Verdict.Wrong)]
    [InlineData("It has 3.5 mg.", "3.5 mg", Verdict.Correct)]
    [InlineData("There are 1,300 of them.", "1", Verdict.Wrong)]
    [InlineData("There are 3.", "3", Verdict.Correct)]
    [InlineData("Red, white and blue.", "white", Verdict.Correct)]
    [InlineData("It is the  São\nTomé flag.", "s\u00E3o tom\u00E9", Verdict.Correct)]
    [InlineData("", "Suva", Verdict.Wrong)]
    [InlineData("Anything.", "", Verdict.Wrong)]
    public void Score_LiteralAnswer_EqualsVerdict(string answer, string variant, Verdict expected) =>
        Assert.Equal(expected, AnswerScorer.Score(answer, [variant]));

    [Fact]
    public void Score_SeveralVariants_OneIsEnough() =>
        Assert.Equal(Verdict.Correct, AnswerScorer.Score("It is called Holland.", ["Netherlands", "Holland"]));

    [Theory]
    [InlineData("One. Two! Three?", "Three?")]
    [InlineData("Only one", "Only one")]
    [InlineData("Ask Dr. Who.", "Ask Dr. Who.")]
    [InlineData("See e.g. this.", "See e.g. this.")]
    [InlineData("", "")]
    public void LastSentence_LiteralText_IsTheLast(string text, string expected) =>
        Assert.Equal(expected, AnswerScorer.LastSentence(text));
}
