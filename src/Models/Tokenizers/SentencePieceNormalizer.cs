namespace PixSearch.Models.Tokenizers;

/// <summary>SentencePiece's treatment of white space (U+0020 only) for models without a character map.</summary>
/// <param name="addDummyPrefix">Put a space in front of a text that is not empty.</param>
/// <param name="removeExtra">Drop spaces at both ends and all but one in a row.</param>
/// <param name="escape">Write spaces as U+2581.</param>
internal sealed class SentencePieceNormalizer(bool addDummyPrefix, bool removeExtra, bool escape) : TextNormalizer
{
    /// <inheritdoc/>
    public override AlignedText Apply(AlignedText text)
    {
        string before = text.Text;
        int start = 0;
        int end = before.Length;
        while (removeExtra && start < end && before[start] == ' ')
        {
            start++;
        }

        while (removeExtra && end > start && before[end - 1] == ' ')
        {
            end--;
        }

        string space = escape ? "\u2581" : " ";
        var builder = new AlignedTextBuilder(text);
        if (addDummyPrefix && end > start)
        {
            builder.Append(space, start, start);
        }

        for (int i = start; i < end; i++)
        {
            if (before[i] != ' ')
            {
                builder.Copy(i, i + 1);
            }
            else if (!removeExtra || before[i - 1] != ' ')
            {
                builder.Append(space, i, i + 1);
            }
        }

        return builder.Build();
    }
}
