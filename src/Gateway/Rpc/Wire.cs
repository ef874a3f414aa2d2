using PixSearch.Abstractions;

namespace PixSearch.Gateway.Rpc;

/// <summary>From our records to the messages of <c>pixsearch.v1</c>, and back.</summary>
internal static class Wire
{
    internal static V1.AnswerEvent Event(SessionEvent next)
    {
        var wire = new V1.AnswerEvent { Sequence = next.Sequence };
        switch (next)
        {
            case TextDelta text:
                wire.Text = new V1.TextDelta { Text = text.Text };
                break;
            case SearchStarted search:
                wire.Search = new V1.SearchStarted { Turn = search.Turn, Modality = Of(search.Modality),
                    Query = search.Query };
                if (search.MaskId is { } mask)
                {
                    wire.Search.MaskId = mask;
                }

                break;
            case Evidence evidence:
                wire.Evidence = new V1.Evidence { Turn = evidence.Turn, Partial = evidence.Partial,
                    Text = evidence.Text };
                wire.Evidence.Hits.AddRange(evidence.Hits.Select(Of));
                break;
            case MaskFound found:
                wire.Mask = new V1.MaskFound
                {
                    Id = found.Id,
                    Rle = Of(found.Rle),
                    Box = Of(found.Box),
                    Score = found.Score,
                    TextSpan = found.TextSpan,
                };
                break;
            case Usage usage:
                wire.Usage = Of(usage);
                break;
            case Finished finished:
                wire.Finished = new V1.Finished
                {
                    Reason = finished.Reason == FinishReason.Stop ? V1.FinishReason.Stop : V1.FinishReason.Length,
                };
                break;
            case Failed failed:
                wire.Failed = new V1.Failed { Kind = ErrorMap.Of(failed.Kind).Code, Message = failed.Message };
                break;
        }

        return wire;
    }

    internal static V1.Hit Of(EvidenceHit hit) => new()
    {
        DocumentId = hit.DocumentId,
        Title = hit.Title,
        Snippet = hit.Snippet,
        Score = hit.Score,
        Leg = Of(hit.Leg),
    };

    internal static V1.RleMask Of(RleMask rle) => new() { Height = rle.Height, Width = rle.Width, Counts = rle.Counts };

    internal static V1.Box Of(PixelBox box) => new() { X = box.X, Y = box.Y, Width = box.Width, Height = box.Height };

    internal static V1.Usage Of(Usage usage) => new()
    {
        PromptTokens = usage.PromptTokens,
        ImageTokens = usage.ImageTokens,
        CompletionTokens = usage.CompletionTokens,
        EvidenceTokens = usage.EvidenceTokens,
        Searches = usage.Searches,
        Masks = usage.Masks,
    };

    internal static SamplingOptions Of(V1.Sampling? sampling)
    {
        var defaults = new SamplingOptions();
        return sampling is null ? defaults : new SamplingOptions
        {
            Temperature = sampling.Temperature,
            TopP = sampling.HasTopP ? sampling.TopP : defaults.TopP,
            TopK = sampling.TopK,
            Seed = sampling.Seed,
            MaxTokens = sampling.HasMaxTokens ? sampling.MaxTokens : defaults.MaxTokens,
            Stop = [.. sampling.Stop],
        };
    }

    internal static SearchMode Of(V1.SearchMode mode) => mode switch
    {
        V1.SearchMode.Auto => SearchMode.Auto,
        V1.SearchMode.None => SearchMode.None,
        V1.SearchMode.Text => SearchMode.Text,
        V1.SearchMode.Image => SearchMode.Image,
        V1.SearchMode.Region => SearchMode.Region,
        _ => throw new PixException(PixErrorKind.InvalidArgument, $"search_mode {(int)mode} is not known."),
    };

    private static V1.Modality Of(SearchModality modality) => modality switch
    {
        SearchModality.Text => V1.Modality.Text,
        SearchModality.Image => V1.Modality.Image,
        _ => V1.Modality.Region,
    };
}
