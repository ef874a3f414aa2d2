using System.Text;
using PixSearch.Abstractions;
using PixSearch.Imaging.Masks;

namespace PixSearch.Evaluation;

/// <summary>Follows the events of one session and judges it against its sample.</summary>
internal sealed class QaObserver(EvalSample sample, EvalDataset data)
{
    private readonly StringBuilder _answer = new();
    private readonly List<QaSearch> _searches = [];
    private readonly List<MaskFound> _masks = [];
    private string? _error;

    /// <summary>True once text has come.</summary>
    public bool HasText => _answer.Length > 0;

    /// <summary>Takes in the next event.</summary>
    public void Observe(SessionEvent item)
    {
        switch (item)
        {
            case TextDelta text:
                _answer.Append(text.Text);
                break;
            case SearchStarted search:
                _searches.Add(new QaSearch(NameOf(search.Modality), search.Query, [], null, false));
                break;
            case Evidence evidence when _searches.Count > 0:
                _searches[^1] = _searches[^1] with
                {
                    Documents = [.. evidence.Hits.Select(hit => hit.DocumentId)],
                    TopEntity = evidence.Hits.Count > 0 ? data.EntityOf(evidence.Hits[0].DocumentId) : null,
                    Partial = evidence.Partial,
                };
                break;
            case MaskFound mask:
                _masks.Add(mask);
                break;
            case Failed failed:
                _error = $"{failed.Kind}: {failed.Message}";
                break;
            default:
                break;
        }
    }

    /// <summary>The session could not be started or read.</summary>
    public void Fail(PixException error) => _error = $"{error.Kind}: {error.Message}";

    /// <summary>The judgement.</summary>
    public QaRecord Finish(double? firstTextSeconds, double seconds)
    {
        string answer = _answer.ToString().Trim();
        return new QaRecord
        {
            Id = sample.Id,
            Scene = sample.Scene,
            View = sample.View,
            Kind = sample.Kind,
            NeedsSearch = sample.NeedsSearch,
            Question = sample.Question,
            Variants = sample.Variants,
            Answer = answer,
            Verdict = _error is null ? AnswerScorer.Score(answer, sample.Variants) : Verdict.Wrong,
            Searches = _searches,
            Gold = JudgeSearches(),
            Masks = JudgeMasks(),
            FirstTextSeconds = firstTextSeconds,
            Seconds = seconds,
            Error = _error,
        };
    }

    /// <summary>
    /// The k-th reference search with a picture is compared with the k-th search with a picture (whole or crop), the
    /// k-th text search with the k-th: so modes that send something else than the reference are judged by what they
    /// find.
    /// </summary>
    private List<QaGold> JudgeSearches()
    {
        var result = new List<QaGold>();
        foreach (bool isText in new[] { false, true })
        {
            QaSearch[] made = [.. _searches.Where(search => (search.Modality == "text") == isText)];
            EvalSearch[] wanted = [.. sample.Searches.Where(search => (search.Modality == "text") == isText)];
            for (int i = 0; i < wanted.Length; i++)
            {
                if (wanted[i].Gold is { } gold)
                {
                    result.Add(new QaGold(wanted[i].Modality, gold, i < made.Length && made[i].TopEntity == gold));
                }
            }
        }

        return result;
    }

    /// <summary>
    /// Targets are paired with the answer's masks by phrase, what is left in the order of the text. Never by overlap: a
    /// mask on the wrong object must not find its way to the right one.
    /// </summary>
    private List<QaMask> JudgeMasks()
    {
        var wanted = new List<(int Entity, int Start, string Phrase)>();
        foreach (int target in sample.Target)
        {
            foreach (EvalSpan span in sample.Spans.Where(span => span.Entity == target).Take(1))
            {
                wanted.Add((target, span.Start, AnswerScorer.Normalize(sample.Trajectory[span.Start..span.End])));
            }
        }

        wanted.Sort((a, b) => a.Start.CompareTo(b.Start));
        var free = new List<MaskFound>(_masks);
        var given = new MaskFound?[wanted.Count];
        for (int i = 0; i < wanted.Count; i++)
        {
            string phrase = wanted[i].Phrase;
            given[i] = Take(mask => AnswerScorer.Normalize(mask.TextSpan) == phrase);
        }

        for (int i = 0; i < wanted.Count; i++)
        {
            given[i] ??= Take(_ => true);
        }

        return [.. wanted.Select((one, i) => Compare(sample.Entities[one.Entity], given[i]))];

        MaskFound? Take(Predicate<MaskFound> fits)
        {
            int index = free.FindIndex(fits);
            if (index < 0)
            {
                return null;
            }

            MaskFound mask = free[index];
            free.RemoveAt(index);
            return mask;
        }
    }

    private static QaMask Compare(EvalEntity entity, MaskFound? found)
    {
        BinaryMask target = RleCodec.Decode(entity.Mask.ToRle());
        BinaryMask mask = found is not null && found.Rle.Width == target.Width && found.Rle.Height == target.Height
            ? RleCodec.Decode(found.Rle)
            : new BinaryMask(target.Width, target.Height);
        MaskOverlap overlap = MaskOverlap.Of(mask, target);
        return new QaMask(entity.Id, entity.Label, overlap.Intersection, overlap.Union, found?.Rle.Counts);
    }

    private static string NameOf(SearchModality modality) => modality switch
    {
        SearchModality.Text => "text",
        SearchModality.Image => "image",
        _ => "region",
    };
}
