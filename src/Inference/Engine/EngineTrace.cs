using System.Diagnostics;

namespace PixSearch.Inference.Engine;

/// <summary>
/// Spans of the engine: one a session, from the moment it was taken in to its end, one a search on its way to the
/// index, one a call of the mask decoder. Parents are given by hand, since the engine's thread works for all
/// sessions in turn.
/// </summary>
internal static class EngineTrace
{
    private static readonly ActivitySource s_source = new("PixSearch.Inference");

    /// <summary>A session's span; null when nobody listens.</summary>
    public static Activity? StartSession(EngineRequest request)
    {
        Activity? before = Activity.Current;
        Activity? span = s_source.StartActivity("engine", ActivityKind.Internal, request.Trace);
        Activity.Current = before;
        span?.SetTag("gen_ai.operation.name", "generate_content").SetTag("gen_ai.request.model", request.Answer.Model)
            .SetTag("gen_ai.conversation.id", request.Id);
        return span;
    }

    /// <summary>Ends a session's span.</summary>
    public static void EndSession(EngineSession session, bool well)
    {
        if (session.Span is not { } span)
        {
            return;
        }

        Activity? before = Activity.Current;
        span.SetTag("gen_ai.usage.output_tokens", session.Machine.CompletionTokens)
            .SetTag("pixsearch.slots", session.Machine.SlotCount).SetTag("pixsearch.masks", session.Machine.Masks.Count)
            .SetTag("pixsearch.searches", session.Machine.SearchCount);
        span.SetStatus(well ? ActivityStatusCode.Unset : ActivityStatusCode.Error);
        span.Dispose();
        Activity.Current = before;
        session.Span = null;
    }

    /// <summary>
    /// The span of a call of the mask decoder, with the encoding of the picture where that comes first; null when
    /// nobody listens. The turn is how many searches have been asked for.
    /// </summary>
    public static Activity? StartMasks(EngineSession session) => session.Span is not { } parent
        ? null
        : s_source.StartActivity("masks", ActivityKind.Internal, parent.Context)?
            .SetTag("gen_ai.conversation.id", session.Id).SetTag("pixsearch.search.turn", session.Machine.SearchCount);

    /// <summary>A search's span, which is current for what the retriever does.</summary>
    public static Activity? StartSearch(SearchCall call) => s_source
        .StartActivity("retrieve", ActivityKind.Client, call.Trace)?
        .SetTag("gen_ai.operation.name", "execute_tool").SetTag("gen_ai.tool.name", "search")
        .SetTag("gen_ai.conversation.id", call.SessionId).SetTag("pixsearch.search.turn", call.Turn)
        .SetTag("pixsearch.search.modality", call.Query.Modality.ToString());
}
