using PixSearch.Abstractions;
using PixSearch.Models;
using PixSearch.Models.Families;
using PixSearch.Training.Data;

namespace PixSearch.Training.Loading;

/// <summary>
/// Turns samples into tokens: the prompt as serving builds it (<see cref="PixSearchPrompt"/>), a space, the trajectory
/// and the end token, with the marks that the losses need.
/// </summary>
public sealed class SampleTokenizer
{
    private const string RegionSearch =
        SearchProtocol.SearchOpen + SearchProtocol.Region + SearchProtocol.SearchClose;

    private readonly ITokenizer _tokenizer;
    private readonly int _end;

    /// <summary>A preparer on a tokenizer that has <c>&lt;s&gt;</c> and <c>&lt;/s&gt;</c>.</summary>
    public SampleTokenizer(ITokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        _end = tokenizer.IdOf(PixSearchPrompt.End);
        int[] prompt = PixSearchPrompt.Build(tokenizer, "", 1);
        Prefix = prompt[..Array.IndexOf(prompt, ~0)];
        if (_end < 0 || Prefix[0] < 0)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, "The tokenizer has no <s> or no </s>; retrain it.");
        }
    }

    /// <summary>Tokens before the picture, the same for every sample.</summary>
    public int[] Prefix { get; }

    /// <summary>Tokens of a sample.</summary>
    /// <exception cref="PixException">A span is outside of the trajectory or names no entity.</exception>
    public PreparedSample Prepare(Sample sample)
    {
        int[] slots = PixSearchPrompt.Build(_tokenizer, sample.Question, 1);
        int[] prompt = slots[(Array.IndexOf(slots, ~0) + 1)..];

        // The space belongs to the first word, as when the model writes it; offsets below count it.
        string text = " " + sample.Trajectory;
        TokenizedText tokenized = _tokenizer.EncodeWithOffsets(text);
        bool[] learned = InformationMask.Learned(text, tokenized.Offsets);
        int count = prompt.Length + tokenized.Ids.Length + 1;
        var result = new PreparedSample
        {
            Id = sample.Id,
            Source = sample,
            Picture = sample.Image,
            Kind = sample.Kind,
            Stage = sample.Stage,
            Tokens = [.. prompt, .. tokenized.Ids, _end],
            Learned = [.. new bool[prompt.Length], .. learned, true],
            Labels = new byte[count],
            Spans = PrepareSpans(sample, tokenized, prompt.Length),
            Things =
            [
                .. sample.Entities.Select(entity =>
                    new PreparedThing(entity.Mask.ToRle(), _tokenizer.Encode(" " + entity.Label)[0])),
            ],
            Cuts = PrepareCuts(text, tokenized, prompt.Length),
            AnswerStart = prompt.Length + AnswerToken(text, tokenized),
        };
        foreach (PreparedSpan span in result.Spans)
        {
            result.Labels.AsSpan(span.Start, span.End - span.Start).Fill(2);
            result.Labels[span.Start] = 1;
        }

        return result;
    }

    private static PreparedSpan[] PrepareSpans(Sample sample, TokenizedText tokenized, int shift)
    {
        var spans = new List<PreparedSpan>();
        foreach (SampleSpan span in sample.Spans.OrderBy(span => span.Start))
        {
            if (span.Start < 0 || span.End > sample.Trajectory.Length || span.End <= span.Start
                || (uint)span.Entity >= (uint)sample.Entities.Count)
            {
                throw new PixException(PixErrorKind.BrokenArtifact,
                    $"Sample '{sample.Id}': span [{span.Start}, {span.End}) "
                    + $"of entity {span.Entity} does not fit its trajectory or its {sample.Entities.Count} entities.");
            }

            int first = Array.FindIndex(tokenized.Offsets, range => range.End > span.Start + 1);
            int last = Array.FindLastIndex(tokenized.Offsets, range => range.Start < span.End + 1);
            spans.Add(new PreparedSpan(shift + first, shift + last + 1, sample.Entities[span.Entity].Mask.ToRle()));
        }

        return [.. spans];
    }

    private static int[] PrepareCuts(string text, TokenizedText tokenized, int shift)
    {
        var cuts = new List<int>();
        for (int at = text.IndexOf(RegionSearch, StringComparison.Ordinal); at >= 0;
             at = text.IndexOf(RegionSearch, at + 1, StringComparison.Ordinal))
        {
            int end = at + RegionSearch.Length;
            cuts.Add(shift + tokenized.Offsets.Count(range => range.Start < end));
        }

        return [.. cuts];
    }

    private static int AnswerToken(string text, TokenizedText tokenized)
    {
        IReadOnlyList<(int Start, int End)> blocks = InformationMask.Blocks(text);
        int from = blocks.Count == 0 ? 0 : blocks[^1].End;
        return tokenized.Offsets.Count(range => range.Start < from);
    }
}
