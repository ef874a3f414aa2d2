using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using PixSearch.Abstractions;
using PixSearch.Gateway.Asking;
using PixSearch.Gateway.Tenants;

namespace PixSearch.Gateway.Http;

/// <summary>
/// <c>POST /v1/chat/completions</c>, for clients made for OpenAI's API. Masks, searches and evidence travel in the
/// extra field
/// <c>pixsearch</c>, which such clients leave alone.
/// </summary>
internal sealed class ChatEndpoint(AskPipeline pipeline)
{
    private static readonly byte[] s_done = [.. "[DONE]"u8];

    internal async Task HandleAsync(HttpContext http)
    {
        Tenant tenant = pipeline.Authenticate(http.Request.Headers.Authorization);
        ChatRequest request = await HttpJson.ReadAsync<ChatRequest>(http, HttpJson.Lenient);
        AskCommand command = request.ToCommand(pipeline.Options.Limits, pipeline.Options.Time.GetUtcNow());
        await using AskSession session = await pipeline.StartAsync(tenant, command, http.RequestAborted);
        http.Response.Headers["X-Pixsearch-Session"] = session.Id;
        var head = new ChatHead("chatcmpl-" + session.Id, pipeline.Options.Time.GetUtcNow().ToUnixTimeSeconds(),
            command.Model.Length > 0 ? command.Model : pipeline.Checks.Model(tenant, "").Name);
        if (request.Stream == true)
        {
            await StreamAsync(http, session, head, request.StreamOptions?.IncludeUsage == true);
        }
        else
        {
            AnswerDocument answer = await AnswerDocument.ReadAsync(session.ReadAsync(http.RequestAborted));
            http.Response.ContentType = "application/json";
            await JsonSerializer.SerializeAsync(http.Response.Body, Complete(head, session.Id, answer),
                HttpJson.Lenient,
                http.RequestAborted);
        }
    }

    private static ChatCompletion Complete(ChatHead head, string session, AnswerDocument answer) =>
        new(head.Id, "chat.completion", head.Created, head.Model,
            [new ChatChoice(0, new ChatReply("assistant", answer.Text), null, Word(answer.Reason))],
            answer.Usage is null ? null : ChatUsage.From(answer.Usage),
            new ChatResult(session, answer.Masks, answer.Searches, answer.Usage));

    private async Task StreamAsync(HttpContext http, AskSession session, ChatHead head, bool includeUsage)
    {
        var sse = new SseStream(http);
        await sse.StartAsync();
        Write(new ChatChoice(0, null, new ChatReply("assistant", ""), null));
        Usage? usage = null;
        try
        {
            await sse.PumpAsync(session.ReadAsync(http.RequestAborted), pipeline.Options.Limits.KeepAlive,
                pipeline.Options.Time,
                next =>
                {
                    usage = next as Usage ?? usage;
                    switch (next)
                    {
                        case TextDelta text:
                            Write(new ChatChoice(0, null, new ChatReply(null, text.Text), null));
                            break;
                        case Finished finished:
                            Write(new ChatChoice(0, null, new ChatReply(null, null), Word(finished.Reason)));
                            break;
                        case Failed failed:
                            throw new PixException(failed.Kind, failed.Message);
                        default:
                            Write(new ChatChoice(0, null, new ChatReply(null, null), null), next);
                            break;
                    }
                });
        }
        catch (PixException error)
        {
            sse.WriteRaw(HttpErrors.Body(error.Kind, error.Message));
            await sse.FlushAsync();
            return;
        }

        if (includeUsage && usage is not null)
        {
            sse.Write(new ChatCompletion(head.Id, "chat.completion.chunk", head.Created, head.Model, [],
                ChatUsage.From(usage), null), HttpJson.Lenient);
        }

        sse.WriteRaw(s_done);
        await sse.FlushAsync();

        void Write(ChatChoice choice, SessionEvent? extra = null) => sse.Write(
            new ChatCompletion(head.Id, "chat.completion.chunk", head.Created, head.Model, [choice], null,
                new ChatProgress(session.Id, extra)), HttpJson.Lenient);
    }

    private static string? Word(FinishReason? reason) => reason switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        _ => null,
    };

    private readonly record struct ChatHead(string Id, long Created, string Model);

    private sealed record ChatCompletion(string Id, string Object, long Created, string Model,
        IReadOnlyList<ChatChoice> Choices,
        ChatUsage? Usage, object? Pixsearch);

    // finish_reason is null until the end, not absent: strict clients look for it.
    private sealed record ChatChoice(int Index, ChatReply? Message, ChatReply? Delta,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? FinishReason);

    private sealed record ChatReply(string? Role, string? Content);

    private sealed record ChatResult(string Session, IReadOnlyList<MaskFound> Masks,
        IReadOnlyList<SearchRecord> Searches, Usage? Usage);

    // Typed as the base, so that the event's kind is written.
    private sealed record ChatProgress(string Session, SessionEvent? Event);

    private sealed record ChatUsage(int PromptTokens, int CompletionTokens, int TotalTokens,
        PromptDetails PromptTokensDetails)
    {
        internal static ChatUsage From(Usage usage)
        {
            // To a client that knows no searches, evidence is part of what the model read.
            int prompt = usage.PromptTokens + usage.ImageTokens + usage.EvidenceTokens;
            return new ChatUsage(prompt, usage.CompletionTokens, prompt + usage.CompletionTokens,
                new PromptDetails(usage.ImageTokens, usage.EvidenceTokens));
        }
    }

    private sealed record PromptDetails(int ImageTokens, int EvidenceTokens);
}
