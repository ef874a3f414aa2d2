namespace PixSearch.Models.Tokenizers;

/// <summary>LLaVA's way to tokenise a prompt with pictures in it (<c>tokenizer_image_token</c>).</summary>
public static class ImagePrompt
{
    /// <summary>What stands for a picture in prompts.</summary>
    public const string Marker = "<image>";

    /// <summary>What stands for a picture among ids.</summary>
    public const int MarkerId = -200;

    /// <summary>
    /// Ids of the prompt, <see cref="MarkerId"/> where the marker was. The texts between markers are tokenised apart
    /// from each other, each with the tokenizer's begin token, of which only the first stays.
    /// </summary>
    public static int[] Encode(ITokenizer tokenizer, string prompt)
    {
        int[] begin = tokenizer.Encode("", addSpecialTokens: true);
        List<int> ids = [.. begin];
        string[] chunks = prompt.Split(Marker);
        for (int i = 0; i < chunks.Length; i++)
        {
            if (i > 0)
            {
                ids.Add(MarkerId);
            }

            ids.AddRange(tokenizer.Encode(chunks[i]));
        }

        return [.. ids];
    }
}
