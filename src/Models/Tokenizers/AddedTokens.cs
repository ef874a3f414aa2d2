using System.Buffers;
using System.Text;
using PixSearch.Abstractions;

namespace PixSearch.Models.Tokenizers;

/// <summary>A token that is looked for in the text itself, before the model sees it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its exact text.</param>
/// <param name="Special">Control token: left out of decoded text on request.</param>
/// <param name="Normalized">Looked for in the normalised text instead of the original.</param>
/// <param name="StripLeft">Takes the white space before it along.</param>
/// <param name="StripRight">Takes the white space after it along.</param>
/// <param name="SingleWord">Only where no letter, digit or underscore touches it.</param>
public sealed record AddedToken(int Id, string Content, bool Special, bool Normalized = false, bool StripLeft = false,
    bool StripRight = false, bool SingleWord = false);

/// <summary>Finds added tokens in a text: leftmost first, longest among those that begin at one place.</summary>
internal sealed class AddedTokens
{
    // Published tokens have up to 60 characters, all of a model some 20,000. A character takes some 300 bytes here, and
    // a text of one letter is looked through again from each place for a token of that letter.
    private const int TokenLengthMax = 512;
    private const int AllLengthMax = 1 << 20;

    private readonly Node _root = new();
    private readonly SearchValues<char> _firsts;

    public AddedTokens(IEnumerable<AddedToken> tokens)
    {
        long length = 0;
        foreach (AddedToken token in tokens)
        {
            length += token.Content.Length;
            if (token.Content.Length > TokenLengthMax || length > AllLengthMax)
            {
                throw new PixException(PixErrorKind.BrokenArtifact, $"Added token {token.Id} of the tokenizer has "
                    + $"{token.Content.Length} characters (at most {TokenLengthMax}), those up to it {length} together "
                    + $"(at most {AllLengthMax}).");
            }

            Node node = _root;
            foreach (char unit in token.Content)
            {
                node.Children ??= [];
                if (!node.Children.TryGetValue(unit, out Node? child))
                {
                    node.Children[unit] = child = new Node();
                }

                node = child;
            }

            if (token.Content.Length > 0)
            {
                node.Token ??= token;
            }
        }

        _firsts = SearchValues.Create(_root.Children?.Keys.ToArray() ?? []);
    }

    /// <summary>Cuts a text into added tokens and the text between them, in order; empty texts are left out.</summary>
    public void Split(string text, Action<int, int, AddedToken?> piece)
    {
        int done = 0;
        int at = 0;
        while (at < text.Length)
        {
            int step = text.AsSpan(at).IndexOfAny(_firsts);
            if (step < 0)
            {
                break;
            }

            at += step;
            AddedToken? token = LongestAt(text, at);
            if (token is null || (token.SingleWord && TouchesWord(text, at, at + token.Content.Length)))
            {
                at++;
                continue;
            }

            (int start, int end) = Extend(text, done, at, token);
            if (start > done)
            {
                piece(done, start, null);
            }

            piece(start, end, token);
            done = at = end;
        }

        if (done < text.Length)
        {
            piece(done, text.Length, null);
        }
    }

    private AddedToken? LongestAt(string text, int start)
    {
        AddedToken? best = null;
        Node node = _root;
        for (int i = start; i < text.Length && node.Children is not null; i++)
        {
            if (!node.Children.TryGetValue(text[i], out Node? child))
            {
                break;
            }

            node = child;
            best = node.Token ?? best;
        }

        return best;
    }

    private static (int Start, int End) Extend(string text, int floor, int start, AddedToken token)
    {
        int end = start + token.Content.Length;
        while (token.StripLeft && start > floor && char.IsWhiteSpace(text[start - 1]))
        {
            start--;
        }

        while (token.StripRight && end < text.Length && char.IsWhiteSpace(text[end]))
        {
            end++;
        }

        return (start, end);
    }

    private static bool TouchesWord(string text, int start, int end)
    {
        bool before = start > 0 && Rune.DecodeLastFromUtf16(text.AsSpan(0, start), out Rune left, out _)
            == OperationStatus.Done && IsWord(left);
        bool after = end < text.Length && Rune.DecodeFromUtf16(text.AsSpan(end), out Rune right, out _)
            == OperationStatus.Done && IsWord(right);
        return before || after;
    }

    private static bool IsWord(Rune rune) => Rune.IsLetterOrDigit(rune) || rune.Value == '_';

    private sealed class Node
    {
        public Dictionary<char, Node>? Children { get; set; }

        public AddedToken? Token { get; set; }
    }
}
