using System.Net;
using System.Text.Json;
using PixSearch.Abstractions;

namespace PixSearch.Gateway.Tests;

/// <summary>The OpenAI door with a plain HTTP client: what goes out and what is refused. The openai client itself:
/// InteropTests.</summary>
public sealed class ChatTests
{
    private static readonly string s_picture = "data:image/png;base64," + Convert.ToBase64String(ScriptedNode.Png);

    [Fact]
    public async Task Chat_PictureAndQuestion_HasTextMasksSearchesUsage()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        JsonElement answer = await gateway.PostJsonAsync("/v1/chat/completions", Chat("Which capital?", """
            "temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["x", "y"], "max_completion_tokens": 33,
            "pixsearch": {"index": "flags", "search_mode": "region", "search_budget": 2, "top_k": 5, "priority": 3}
            """));
        Assert.Equal("chat.completion", answer.GetProperty("object").GetString());
        Assert.Equal("nano", answer.GetProperty("model").GetString());
        JsonElement choice = answer.GetProperty("choices")[0];
        Assert.Equal("The flag on the left is Fiji. Its capital is Suva – süß.",
            choice.GetProperty("message").GetProperty("content").GetString());
        Assert.Equal("assistant", choice.GetProperty("message").GetProperty("role").GetString());
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
        JsonElement usage = answer.GetProperty("usage");
        Assert.Equal((173, 15, 188), (usage.GetProperty("prompt_tokens").GetInt32(),
            usage.GetProperty("completion_tokens").GetInt32(),
            usage.GetProperty("total_tokens").GetInt32()));
        JsonElement extra = answer.GetProperty("pixsearch");
        Assert.StartsWith("""{"id":1,"rle":{"size":[4,4],"counts":"0g0"},"box":[0,1,2,3],"score":0.75,"text_span":""",
            extra.GetProperty("masks")[0].GetRawText(), StringComparison.Ordinal);
        Assert.Equal("capital Suva", extra.GetProperty("searches")[0].GetProperty("hits")[0].GetProperty("snippet")
            .GetString());
        AnswerRequest request = Assert.Single(gateway.Node.Requests);
        Assert.Equal((0.5f, 0.9f, 7ul, 33, 5, 2, 3, SearchMode.Region, "flags", "acme"), (request.Sampling.Temperature,
            request.Sampling.TopP, request.Sampling.Seed, request.Sampling.MaxTokens, request.Sampling.TopK,
                request.SearchBudget,
            request.Priority, request.Mode, request.Index, request.Tenant));
        Assert.Equal(["x", "y"], request.Sampling.Stop);
        Assert.Equal(ScriptedNode.Png, request.Picture.ToArray());
    }

    [Fact]
    public async Task Chat_Streamed_ChunksAddUpToTheWholeAnswer()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        using HttpResponseMessage response = await gateway.PostAsync("/v1/chat/completions",
            Chat("q", """ "stream": true, "stream_options": {"include_usage": true} """));
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        string[] data = [.. (await response.Content.ReadAsStringAsync())
            .Split("\n\n", StringSplitOptions.RemoveEmptyEntries)
            .Select(static block => block["data: ".Length..])];
        Assert.Equal("[DONE]", data[^1]);
        JsonElement[] chunks = [.. data[..^1].Select(static one => JsonDocument.Parse(one).RootElement)];
        Assert.All(chunks, static chunk => Assert.Equal(
            "chat.completion.chunk", chunk.GetProperty("object").GetString()));
        Assert.Equal("The flag on the left is Fiji. Its capital is Suva – süß.",
            string.Concat(chunks.SelectMany(static chunk =>
            chunk.GetProperty("choices").EnumerateArray()).Select(static choice =>
            choice.GetProperty("delta").TryGetProperty("content", out JsonElement text) ? text.GetString() : "")));
        Assert.Equal(188, chunks[^1].GetProperty("usage").GetProperty("total_tokens").GetInt32());
        Assert.Equal("stop", chunks[^2].GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        string?[] events = [.. chunks.Select(static chunk => chunk.TryGetProperty("pixsearch", out JsonElement extra) &&
            extra.TryGetProperty("event", out JsonElement inner) ? inner.GetProperty("type").GetString() : null)];
        Assert.Equal(["mask", "search", "evidence", "usage"], events.Where(static name => name is not null));
    }

    [Fact]
    public async Task Chat_SystemMessageAndParts_AreOneQuestion()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        await gateway.PostJsonAsync("/v1/chat/completions", """
            {"messages": [{"role": "system", "content": "Be short."},
              {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}]}
            """);
        AnswerRequest request = Assert.Single(gateway.Node.Requests);
        Assert.Equal("Be short.\none\ntwo", request.Question);
        Assert.True(request.Picture.IsEmpty);
    }

    [Fact]
    public async Task Chat_History_IsRefusedUnlessIgnored()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        string messages = $$$"""
            "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "{{{s_picture}}}"}}]},
              {"role": "assistant", "content": "A flag."}, {"role": "user", "content": "Of whom?"}]
            """;
        JsonElement refused = await gateway.PostJsonAsync(
            "/v1/chat/completions", "{" + messages + "}", HttpStatusCode.BadRequest);
        Assert.Contains("history", refused.GetProperty("error").GetProperty("message").GetString()!,
            StringComparison.Ordinal);
        await gateway.PostJsonAsync("/v1/chat/completions", $$"""{"pixsearch": {"history": "ignore"}, {{messages}}}""");
        AnswerRequest request = Assert.Single(gateway.Node.Requests);
        Assert.Equal("Of whom?", request.Question);
        Assert.Equal(ScriptedNode.Png, request.Picture.ToArray());
    }

    [Theory]
    [InlineData("""{"n": 2""", "n")]
    [InlineData("""{"tools": [{"type": "function"}]""", "tools")]
    [InlineData("""{"logprobs": true""", "logprobs")]
    [InlineData("""{"response_format": {"type": "json_object"}""", "response_format")]
    [InlineData("""{"presence_penalty": 1""", "presence_penalty")]
    [InlineData("""{"temperature": 3""", "temperature")]
    [InlineData("""{"max_tokens": 0""", "max_tokens")]
    [InlineData("""{"stop": 5""", "stop")]
    public async Task Chat_WhatCannotBeHonoured_IsRefusedByName(string start, string name)
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        JsonElement error = await gateway.PostJsonAsync("/v1/chat/completions",
            start + """, "messages": [{"role": "user", "content": "q"}]}""", HttpStatusCode.BadRequest);
        Assert.Contains(name, error.GetProperty("error").GetProperty("message").GetString()!, StringComparison.Ordinal);
        Assert.Equal("invalid_request_error", error.GetProperty("error").GetProperty("type").GetString());
        Assert.Empty(gateway.Node.Requests);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{\"messages\": 5}")]
    [InlineData("{\"messages\": [], \"messages\": []}")]
    [InlineData("{\"messages\": []}")]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": 7}]}")]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"audio\"}]}]}")]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": [[[]]]}]}")]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": \"\"}]}")]
    [InlineData("{\"messages\": [{\"role\": \"assistant\", \"content\": \"x\"}]}")]
    public async Task Chat_InvalidJson_IsAnOpenAiError(string body)
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        JsonElement error = await gateway.PostJsonAsync("/v1/chat/completions", body, HttpStatusCode.BadRequest);
        Assert.Equal("invalid_argument", error.GetProperty("error").GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("data:image/png;base64,AAAA")]
    [InlineData("data:image/png;base64,!!!")]
    [InlineData("data:text/html;base64,AAAA")]
    [InlineData("data:image/png,AAAA")]
    [InlineData("https://example.org/a.png")]
    [InlineData("file:///etc/passwd")]
    public async Task Chat_BadPicture_IsInvalidPicture(string url)
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        JsonElement error = await gateway.PostJsonAsync("/v1/chat/completions", $$$"""
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "q"},
              {"type": "image_url", "image_url": {"url": "{{{url}}}"}}]}]}
            """, HttpStatusCode.BadRequest);
        Assert.Equal("invalid_picture", error.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Chat_SessionFails_StatusOrErrorChunk()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        await gateway.PostJsonAsync("/v1/chat/completions", Chat("fail"), HttpStatusCode.GatewayTimeout);
        using HttpResponseMessage streamed = await gateway.PostAsync(
            "/v1/chat/completions", Chat("fail", "\"stream\": true"));
        string text = await streamed.Content.ReadAsStringAsync();
        Assert.Contains("\"code\":\"deadline_exceeded\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);
    }

    internal static string Chat(string question, string more = "") => $$$"""
        {"model": "nano", "messages": [{"role": "user", "content": [{"type": "text", "text": "{{{question}}}"},
          {"type": "image_url", "image_url": {"url": "{{{s_picture}}}", "detail": "auto"}}]}]{{{Comma(more)}}} }
        """;

    private static string Comma(string more) => more.Length > 0 ? "," + more : "";
}
