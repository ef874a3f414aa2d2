using PixSearch.Abstractions;

namespace PixSearch.Models.Families;

/// <summary>Checks that a tokenizer fits its model.</summary>
internal static class TokenCheck
{
    /// <summary>Throws <see cref="PixException"/> when a token is missing or ids exceed the vocabulary.</summary>
    public static void Require(ITokenizer tokenizer, int vocabularySize, IEnumerable<string> tokens)
    {
        string[] missing = [.. tokens.Where(token => tokenizer.IdOf(token) < 0)];
        if (missing.Length > 0)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"The tokenizer has no token {string.Join(", ", missing)}, which the model's prompt needs.");
        }

        if (tokenizer.VocabularySize > vocabularySize)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"The tokenizer has {tokenizer.VocabularySize} ids, the model only vocab_size = {vocabularySize}.");
        }
    }
}
