namespace PixSearch.Models.Families;

/// <summary>
/// PLUM's prompt (LLaVA's <c>llava_v1</c> roles without the system text):
/// <c>USER: &lt;im_start&gt;{picture}&lt;im_end&gt;\n{question} ASSISTANT:</c> after the begin token. The text before and after
/// the picture is tokenised separately, as LLaVA's <c>tokenizer_image_token</c> does.
/// </summary>
public static class PixSearchPrompt
{
    /// <summary>Begin token.</summary>
    public const string Begin = "<s>";

    /// <summary>End token.</summary>
    public const string End = "</s>";

    /// <summary>The prompt in slots; the answer's first token follows with a space in front.</summary>
    /// <param name="tokenizer">Has the begin token and, for a picture, <c>&lt;im_start&gt;</c> and <c>&lt;im_end&gt;</c>.</param>
    /// <param name="question">What the user asks; control tokens in it are defused.</param>
    /// <param name="pictureSlots">Rows of the picture's encoding; 0 for no picture.</param>
    public static int[] Build(ITokenizer tokenizer, string question, int pictureSlots)
    {
        string safe = PromptText.Defuse(tokenizer, question.Trim());
        var slots = new List<int> { tokenizer.IdOf(Begin) };
        if (pictureSlots == 0)
        {
            slots.AddRange(tokenizer.Encode($"USER: {safe} ASSISTANT:"));
            return [.. slots];
        }

        slots.AddRange(tokenizer.Encode("USER: <im_start>"));
        for (int i = 0; i < pictureSlots; i++)
        {
            slots.Add(~i);
        }

        slots.AddRange(tokenizer.Encode($"<im_end>\n{safe} ASSISTANT:"));
        return [.. slots];
    }
}
