using System.Text;

namespace PixSearch.Models.Families;

/// <summary>What all prompt templates share.</summary>
public static class PromptText
{
    // No added token of the published tokenizers is longer.
    private const int TokenLengthMax = 32;

    /// <summary>
    /// A user's question in which no text is an added token: <c>&lt;search&gt;</c> becomes <c>search&gt;</c>, so that a
    /// question can neither close the turn nor stand for a picture.
    /// </summary>
    /// <param name="tokenizer">Knows the added tokens.</param>
    /// <param name="question">The question.</param>
    /// <param name="allowed">Tokens that users may write, for example Pixel-SAIL's <c>&lt;Prompt0&gt;</c>.</param>
    public static string Defuse(ITokenizer tokenizer, string question, Func<string, bool>? allowed = null)
    {
        var text = new StringBuilder(question.Length);
        for (int i = 0; i < question.Length; i++)
        {
            if (question[i] is not ('<' or '[') || !StartsToken(tokenizer, question, i, allowed))
            {
                text.Append(question[i]);
            }
        }

        return text.ToString();
    }

    private static bool StartsToken(ITokenizer tokenizer, string question, int start, Func<string, bool>? allowed)
    {
        char close = question[start] == '<' ? '>' : ']';
        int end = question.IndexOf(close, start, Math.Min(TokenLengthMax, question.Length - start));
        if (end < 0)
        {
            return false;
        }

        string token = question[start..(end + 1)];
        bool isToken = token == "<image>" || tokenizer.IdOf(token) >= 0;
        return isToken && allowed?.Invoke(token) != true;
    }
}
