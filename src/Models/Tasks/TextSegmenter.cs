using PixSearch.Imaging;
using PixSearch.Models.Families;
using PixSearch.Models.PixelLm;
using PixSearch.Tensors;

namespace PixSearch.Models.Tasks;

/// <summary>What a model answered to "segment this", with a mask for each target.</summary>
/// <param name="Answer">The model's text.</param>
/// <param name="Targets">In the order of the text.</param>
/// <param name="Notes">What was done beyond the plain answer, for example that a token had to be forced.</param>
public sealed record SegmentationResult(string Answer, IReadOnlyList<SegmentedTarget> Targets,
    IReadOnlyList<string> Notes);

/// <summary>
/// Referring and multi-target segmentation by any family. Where the model did not write the tokens that masks need, it
/// does what the family's authors do, and says so.
/// </summary>
public static class TextSegmenter
{
    /// <summary>The authors' question for a referring expression.</summary>
    public static string Question(ModelFamily family, string expression) => family switch
    {
        ModelFamily.PixSearch => $"Point out {expression}.",
        ModelFamily.Lisa => $"Can you segment {expression} in this image?",
        ModelFamily.PixelLm => $"What is {expression} in this image? Please output segmentation mask.",
        ModelFamily.PixelSail => $"Please segment {expression} in this image.",
        ModelFamily.Llava => throw new Abstractions.PixException(Abstractions.PixErrorKind.InvalidArgument,
            "LLaVA answers without masks; segmenting needs PixSearch, LISA, GLaMM, PixelLM or Pixel-SAIL."),
        _ => throw new ArgumentOutOfRangeException(nameof(family), family, "Unknown family."),
    };

    /// <summary>What is to be said of a PixelLM answer whose tokens give no masks.</summary>
    public static string CodebookNote(int tokens) =>
        $"The model wrote {tokens} codebook tokens, which is no multiple of {PixelLmConfig.TokensPerTarget}; "
        + "as with its authors' code there are no masks.";

    /// <summary>Asks a question about a picture and decodes the masks of the answer.</summary>
    /// <param name="model">Any family.</param>
    /// <param name="picture">The picture.</param>
    /// <param name="question">In the family's wording, see <see cref="Question"/>.</param>
    /// <param name="tokensMax">Most tokens to write.</param>
    /// <param name="cancellation">Checked at every token.</param>
    public static SegmentationResult Segment(ISegmentingModel model, RgbImage picture, string question, int tokensMax,
        CancellationToken cancellation = default)
    {
        using IImageEncoding image = model.EncodeImage(picture);
        ModelPrompt prompt = model.BuildPrompt(question, picture);

        // A search would need an engine and an index: the answer ends where it begins.
        HashSet<int> stops = [model.Tokenizer.IdOf(Abstractions.SearchProtocol.SearchOpen)];
        var notes = new List<string>();
        GreedyAnswer answer = GreedyAnswer.Decode(model, prompt, image, tokensMax, [], stops, cancellation);
        try
        {
            if (model.Family == ModelFamily.PixelSail && Groundings(model, answer).Count == 0)
            {
                notes.Add($"The model wrote no {LisaModel.SegmentToken}; as its authors do, the answer was " +
                    "made to begin with " +
                    $"\"{PixelSailModel.ForcedAnswer}\".");
                GreedyAnswer forced = GreedyAnswer.Decode(model, prompt, image, tokensMax,
                    model.Tokenizer.Encode(PixelSailModel.ForcedAnswer), stops, cancellation);
                answer.Dispose();
                answer = forced;
            }

            return Decode(model, image, answer, notes);
        }
        finally
        {
            answer.Dispose();
        }
    }

    private static SegmentationResult Decode(ISegmentingModel model, IImageEncoding image, GreedyAnswer answer,
        List<string> notes)
    {
        using var scope = new TensorScope();
        IReadOnlyList<Grounding> groundings = Groundings(model, answer);
        int tokens = SegmentTokens(model, answer);
        if (model.Family == ModelFamily.PixelLm && groundings.Count == 0 && tokens > 0)
        {
            notes.Add(CodebookNote(tokens));
        }

        Tensor logits = model.DecodeMasks(image, groundings, answer.Hidden);
        IReadOnlyList<SegmentedTarget> targets = SegmentedTarget.FromLogits(model.Backend, logits,
            Phrases(model, answer, groundings));
        return new SegmentationResult(model.Tokenizer.Decode(answer.Answer, skipSpecialTokens: true).Trim(), targets,
            notes);
    }

    // Only the answer's: the span rule runs over the prompt too.
    private static IReadOnlyList<Grounding> Groundings(ISegmentingModel model, GreedyAnswer answer) =>
        [.. model.Ground(answer.Slots, answer.Hidden).Where(grounding => grounding.Start >= answer.PromptLength)];

    private static int SegmentTokens(ISegmentingModel model, GreedyAnswer answer)
    {
        HashSet<int> ids = [.. Enumerable.Range(0, PixelLmConfig.TokensPerTarget)
            .Select(i => model.Tokenizer.IdOf($"[SEG{i}]")).Where(id => id >= 0)];
        return answer.Slots.Skip(answer.PromptLength).Count(ids.Contains);
    }

    // PixSearch: the span itself. The others: what stands between the mask before (or the answer's start) and this one.
    private static List<string> Phrases(ISegmentingModel model, GreedyAnswer answer,
        IReadOnlyList<Grounding> groundings)
    {
        var phrases = new List<string>();
        int after = answer.PromptLength;
        foreach (Grounding grounding in groundings)
        {
            string text = model.Family == ModelFamily.PixSearch
                ? answer.TextOf(model.Tokenizer, grounding.Start, grounding.End)
                : answer.TextOf(model.Tokenizer, after, grounding.Start);
            after = grounding.End;
            phrases.Add(Tidy(text));
        }

        return phrases;
    }

    private static string Tidy(string text)
    {
        // GLaMM and Sa2VA mark the phrase: <p> the flag </p> [SEG].
        int open = text.LastIndexOf("<p>", StringComparison.Ordinal);
        int close = open < 0 ? -1 : text.IndexOf("</p>", open, StringComparison.Ordinal);
        text = close < 0 ? text : text[(open + "<p>".Length)..close];
        text = text.Trim(' ', ',', '.', '\n', ':', ';');
        text = text.StartsWith("and ", StringComparison.OrdinalIgnoreCase) ? text[4..] : text;
        return text.EndsWith(" is", StringComparison.Ordinal) || text.EndsWith(" are", StringComparison.Ordinal)
            ? text[..text.LastIndexOf(' ')]
            : text;
    }
}
