namespace PixSearch.Models.Families;

/// <summary>
/// LLaVA's <c>llava_v1</c> prompt, as PLUM, LISA and GLaMM use it (pixsearch-nano without the system text):
/// <c>USER: &lt;im_start&gt;{picture}&lt;im_end&gt;\n{question} ASSISTANT:</c> after the begin token. The text before
/// and after the picture is tokenised separately, as LLaVA's <c>tokenizer_image_token</c> does.
/// </summary>
public static class PixSearchPrompt
{
    /// <summary>Begin token.</summary>
    public const string Begin = "<s>";

    /// <summary>End token.</summary>
    public const string End = "</s>";

    /// <summary>The system text of <c>llava_v1</c>.</summary>
    public const string LlavaSystem = "A chat between a curious human and an artificial intelligence assistant. " +
        "The assistant gives helpful, detailed, and polite answers to the human's questions.";

    /// <summary>Where a template shows the picture.</summary>
    public const string PicturePlace = "<image>";

    /// <summary>GLaMM's, where LLaVA, LISA and PLUM put the picture on a line of its own.</summary>
    public const string GlammPictureTemplate = "The <image> provides an overview of the picture.\n";

    /// <summary>Tokens besides the end token without which no picture can be shown.</summary>
    internal static string[] Needed { get; } = [Begin, "<im_start>", "<im_end>"];

    private const string LineOfItsOwn = PicturePlace + "\n";

    /// <summary>The prompt in slots; the answer's first token follows with a space in front.</summary>
    /// <param name="tokenizer">Has the begin token and, for a picture, <c>&lt;im_start&gt;</c> and
    /// <c>&lt;im_end&gt;</c>.</param>
    /// <param name="question">What the user asks; control tokens in it are defused.</param>
    /// <param name="pictureSlots">Rows of the picture's encoding; 0 for no picture.</param>
    /// <param name="system">Text before the first role; empty for none.</param>
    /// <param name="template">What stands before the question; holds <see cref="PicturePlace"/> once.</param>
    public static int[] Build(ITokenizer tokenizer, string question, int pictureSlots, string system = "",
        string template = LineOfItsOwn) =>
        Build(tokenizer, question, [.. Enumerable.Range(0, pictureSlots)], system, template);

    /// <summary>The same with only some rows of the picture's encoding, in order (PixelLM leaves out the
    /// padding).</summary>
    public static int[] Build(ITokenizer tokenizer, string question, IReadOnlyList<int> pictureRows, string system,
        string template = LineOfItsOwn)
    {
        string before = system.Length == 0 ? "" : $"{system} ";
        string safe = PromptText.Defuse(tokenizer, question.Trim());
        var slots = new List<int> { tokenizer.IdOf(Begin) };
        if (pictureRows.Count == 0)
        {
            slots.AddRange(tokenizer.Encode($"{before}USER: {safe} ASSISTANT:"));
            return [.. slots];
        }

        string[] sides = template.Split(PicturePlace);
        slots.AddRange(tokenizer.Encode($"{before}USER: {sides[0]}<im_start>"));
        slots.AddRange(pictureRows.Select(row => ~row));
        slots.AddRange(tokenizer.Encode($"<im_end>{sides[1]}{safe} ASSISTANT:"));
        return [.. slots];
    }
}
