namespace PixSearch.Training.Loading;

/// <summary>A text without a picture, for the language model alone.</summary>
/// <param name="Tokens">From the begin token on.</param>
/// <param name="Learned">For each token whether predicting it carries loss.</param>
public sealed record TextRow(int[] Tokens, bool[] Learned);
