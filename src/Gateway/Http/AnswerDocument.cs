using System.Text;
using PixSearch.Abstractions;

namespace PixSearch.Gateway.Http;

/// <summary>A whole answer, gathered from its events: what a caller gets who does not stream.</summary>
internal sealed class AnswerDocument
{
    private readonly StringBuilder _text = new();
    private readonly List<MaskFound> _masks = [];
    private readonly List<SearchRecord> _searches = [];

    internal string Text => _text.ToString();

    internal IReadOnlyList<MaskFound> Masks => _masks;

    internal IReadOnlyList<SearchRecord> Searches => _searches;

    internal Usage? Usage { get; private set; }

    internal FinishReason? Reason { get; private set; }

    internal Failed? Failure { get; private set; }

    /// <summary>Adds the next event.</summary>
    internal void Add(SessionEvent next)
    {
        switch (next)
        {
            case TextDelta text:
                _text.Append(text.Text);
                break;
            case SearchStarted search:
                _searches.Add(new SearchRecord(search.Turn, search.Modality, search.Query, search.MaskId, [], false,
                    ""));
                break;
            case Evidence evidence:
                int index = _searches.FindIndex(one => one.Turn == evidence.Turn);
                if (index >= 0)
                {
                    _searches[index] = _searches[index] with
                    {
                        Hits = evidence.Hits,
                        Partial = evidence.Partial,
                        Evidence = evidence.Text,
                    };
                }

                break;
            case MaskFound mask:
                _masks.Add(mask);
                break;
            case Usage usage:
                Usage = usage;
                break;
            case Finished finished:
                Reason = finished.Reason;
                break;
            case Failed failed:
                Failure = failed;
                break;
        }
    }

    /// <summary>Reads to the end; throws the session's error.</summary>
    internal static async Task<AnswerDocument> ReadAsync(IAsyncEnumerable<SessionEvent> events)
    {
        var document = new AnswerDocument();
        await foreach (SessionEvent next in events)
        {
            document.Add(next);
        }

        return document.Failure is { } failure ? throw new PixException(failure.Kind, failure.Message) : document;
    }
}

/// <summary>One search turn with what it found.</summary>
internal sealed record SearchRecord(int Turn, SearchModality Modality, string Query, int? MaskId,
    IReadOnlyList<EvidenceHit> Hits,
    bool Partial, string Evidence);
