using PixSearch.Tensors;
using PixSearch.Training.Settings;

namespace PixSearch.Training.Nano;

/// <summary>Losses of a batch, each a tensor of one element, and the scores that they were computed from.</summary>
public sealed class ForwardResult
{
    /// <summary>Weighted sum.</summary>
    public Tensor? Total { get; set; }

    /// <summary>Language model.</summary>
    public Tensor? Language { get; set; }

    /// <summary>Language model on texts without pictures; null when there are none.</summary>
    public Tensor? Plain { get; set; }

    /// <summary>Span tagger; null when no row has a span.</summary>
    public Tensor? Span { get; set; }

    /// <summary>Focal Tversky; null when no row has a span.</summary>
    public Tensor? Mask { get; set; }

    /// <summary>Binary cross-entropy of masks; null when no row has a span.</summary>
    public Tensor? MaskBce { get; set; }

    /// <summary>Distance of span queries to the stage's start; null when it is off.</summary>
    public Tensor? Start { get; set; }

    /// <summary>Names of patches; null when they are not named.</summary>
    public Tensor? Name { get; set; }

    /// <summary>Scores of names. Shape: [pictures * patches, vocabulary].</summary>
    public Tensor? NameLogits { get; set; }

    /// <summary>Focal Tversky of point and box prompts; null when there are none.</summary>
    public Tensor? Prompt { get; set; }

    /// <summary>Binary cross-entropy of point and box prompts; null when there are none.</summary>
    public Tensor? PromptBce { get; set; }

    /// <summary>Mask logits of point and box prompts. Shape: [prompts, side * side].</summary>
    public Tensor? PromptLogits { get; set; }

    /// <summary>Scores of learned tokens. Shape: [learned, vocabulary].</summary>
    public Tensor? TextLogits { get; set; }

    /// <summary>For each learned token its row and its position there.</summary>
    public IReadOnlyList<(int Row, int Token)> TextPlaces { get; set; } = [];

    /// <summary>The learned tokens.</summary>
    public int[] TextTargets { get; set; } = [];

    /// <summary>Scores of labels, padding included. Shape: [all tokens, 3].</summary>
    public Tensor? TaggerLogits { get; set; }

    /// <summary>For each row where its first slot lies in <see cref="TaggerLogits"/>.</summary>
    public int[] TaggerOffsets { get; set; } = [];

    /// <summary>Mask logits. Shape: [spans, side * side].</summary>
    public Tensor? MaskLogits { get; set; }

    /// <summary>The losses that are there, with their factors.</summary>
    public IEnumerable<(Tensor Loss, float Weight)> Weighted(LossWeights weights)
    {
        (Tensor? Loss, float Weight)[] all =
        [
            (Language, weights.Language), (Plain, weights.Plain), (Span, weights.Span), (Mask, weights.Mask),
                (MaskBce, weights.MaskBce),
            (Start, weights.Start), (Prompt, weights.Mask), (PromptBce, weights.MaskBce),
            (Name, weights.Name),
        ];
        return all.Where(pair => pair.Loss is not null && pair.Weight != 0).Select(pair => (pair.Loss!, pair.Weight));
    }

    /// <summary>The losses as numbers; NaN where there is none.</summary>
    public LossValues Values() =>
        new(Number(Total), Number(Language), Number(Plain), Number(Span), Number(Mask), Number(MaskBce),
            Number(Start), Number(Prompt), Number(Name));

    private static float Number(Tensor? loss) => loss is null ? float.NaN : loss.Span[0];
}

/// <summary>Losses as numbers; NaN for "none in this batch".</summary>
public readonly record struct LossValues(float Total, float Language, float Plain, float Span, float Mask,
    float MaskBce, float Start, float Prompt, float Name);
