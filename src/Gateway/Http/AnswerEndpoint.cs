using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using PixSearch.Abstractions;
using PixSearch.Gateway.Asking;
using PixSearch.Gateway.Tenants;

namespace PixSearch.Gateway.Http;

/// <summary>
/// <c>POST /v1/answers</c>, <c>GET /v1/sessions/{id}/events</c> and <c>POST /v1/sessions/{id}/cancel</c>: the project's
/// own form, with every event of a session, resumable from any of them.
/// </summary>
internal sealed class AnswerEndpoint(AskPipeline pipeline)
{
    /// <summary>Starts a session; answers with its events (SSE) or, when not streamed, with the whole answer.</summary>
    internal async Task AskAsync(HttpContext http)
    {
        Tenant tenant = pipeline.Authenticate(http.Request.Headers.Authorization);
        AnswerBody body = http.Request.HasFormContentType
            ? await FormBody.ReadAnswerAsync(http, pipeline.Options.Limits)
            : await HttpJson.ReadAsync<AnswerBody>(http, HttpJson.Strict);
        AskCommand command = body.ToCommand(pipeline.Options.Limits, pipeline.Options.Time.GetUtcNow());
        await using AskSession session = await pipeline.StartAsync(tenant, command, http.RequestAborted);
        http.Response.Headers["X-Pixsearch-Session"] = session.Id;
        bool stream = body.Stream ?? http.Request.Headers.Accept.ToString()
            .Contains("text/event-stream", StringComparison.Ordinal);
        if (stream)
        {
            await StreamAsync(http, session.ReadAsync(http.RequestAborted));
            return;
        }

        AnswerDocument answer = await AnswerDocument.ReadAsync(session.ReadAsync(http.RequestAborted));
        http.Response.ContentType = "application/json";
        var result = new AnswerResult(session.Id, answer.Text, answer.Masks, answer.Searches, answer.Usage,
            answer.Reason);
        await JsonSerializer.SerializeAsync(http.Response.Body, result, HttpJson.Lenient, http.RequestAborted);
    }

    /// <summary>Streams the events after <c>Last-Event-ID</c>, or from <c>?from=</c>, or all.</summary>
    internal async Task ResumeAsync(HttpContext http)
    {
        Tenant tenant = pipeline.Authenticate(http.Request.Headers.Authorization);
        long from = FromSequence(http.Request);
        IAsyncEnumerable<SessionEvent> events =
            await pipeline.ResumeAsync(tenant, (string)http.Request.RouteValues["id"]!, from, http.RequestAborted);
        await StreamAsync(http, events);
    }

    /// <summary>Cancels a session.</summary>
    internal async Task CancelAsync(HttpContext http)
    {
        Tenant tenant = pipeline.Authenticate(http.Request.Headers.Authorization);
        bool cancelled = await pipeline.CancelAsync(
            tenant, (string)http.Request.RouteValues["id"]!, http.RequestAborted);
        await http.Response.WriteAsJsonAsync(new { cancelled }, HttpJson.Lenient, http.RequestAborted);
    }

    private async Task StreamAsync(HttpContext http, IAsyncEnumerable<SessionEvent> events)
    {
        var sse = new SseStream(http);
        await sse.StartAsync();
        try
        {
            await sse.PumpAsync(events, pipeline.Options.Limits.KeepAlive, pipeline.Options.Time,
                next => sse.Write(next, HttpJson.Lenient, Name(next), next.Sequence));
        }
        catch (PixException error)
        {
            // Not an event of the session: the stream ends, the session may go on.
            sse.WriteRaw(HttpErrors.Body(error.Kind, error.Message), "error");
        }

        await sse.FlushAsync();
    }

    private static long FromSequence(HttpRequest request)
    {
        string last = request.Headers["Last-Event-ID"].ToString();
        bool resumes = last.Length > 0;
        string text = resumes ? last : request.Query["from"].ToString();
        if (text.Length == 0)
        {
            return 0;
        }

        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            && number < long.MaxValue
            ? number + (resumes ? 1 : 0)
            : throw new PixException(PixErrorKind.InvalidArgument,
                "Last-Event-ID and from must be whole numbers from 0.");
    }

    private static string Name(SessionEvent next) => next switch
    {
        TextDelta => "text",
        SearchStarted => "search",
        Evidence => "evidence",
        MaskFound => "mask",
        Usage => "usage",
        Finished => "finished",
        _ => "failed",
    };

    private sealed record AnswerResult(string Session, string Text, IReadOnlyList<MaskFound> Masks,
        IReadOnlyList<SearchRecord> Searches, Usage? Usage,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] FinishReason? FinishReason);
}
