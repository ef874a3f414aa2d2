using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using PixSearch.Abstractions;

namespace PixSearch.Gateway.Tests;

/// <summary>The project's own HTTP form: events, resuming, cancelling, what happens when readers leave.</summary>
public sealed class AnswerTests
{
    [Fact]
    public async Task Answers_Sse_HasEveryEventWithItsNumberAndName()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        using HttpResponseMessage response = await gateway.PostAsync(
            "/v1/answers", """{"question": "q", "stream": true}""");
        string[] blocks = Blocks(await response.Content.ReadAsStringAsync());
        Assert.Equal(["text", "mask", "search", "evidence", "text", "usage", "finished"],
            blocks.Select(static one => Field(one, "event")));
        Assert.Equal(["0", "1", "2", "3", "4", "5", "6"], blocks.Select(static one => Field(one, "id")));
        const string Search =
            """{"type":"search","turn":1,"modality":"region","query":"The flag on the left","mask_id":1,"seq""" +
            """uence":2}""";
        Assert.Equal(Search,
            Field(blocks[2], "data"));
    }

    [Fact]
    public async Task Answers_NotStreamed_IsOneDocument()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        JsonElement answer = await gateway.PostJsonAsync("/v1/answers", """{"question": "q"}""");
        Assert.Equal("stop", answer.GetProperty("finish_reason").GetString());
        Assert.Equal(1, answer.GetProperty("masks").GetArrayLength());
        Assert.Equal("Fiji: capital Suva", answer.GetProperty("searches")[0].GetProperty("evidence").GetString());
    }

    [Fact]
    public async Task Answers_Form_TakesThePictureAsFile()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        using var form = new MultipartFormDataContent
        {
            { new StringContent("what?"), "question" },
            { new StringContent("region"), "search_mode" },
            { new StringContent("12"), "max_tokens" },
            { new ByteArrayContent(ScriptedNode.Png) { Headers =
                { ContentType = new MediaTypeHeaderValue("image/png") } }, "picture", "a.png" },
        };
        using HttpResponseMessage response = await gateway.Http.PostAsync("/v1/answers", form);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        AnswerRequest request = Assert.Single(gateway.Node.Requests);
        Assert.Equal(("what?", SearchMode.Region, 12), (request.Question, request.Mode, request.Sampling.MaxTokens));
        Assert.Equal(ScriptedNode.Png, request.Picture.ToArray());
    }

    [Theory]
    [InlineData("{\"question\": \"q\", \"tempratur\": 1}")]
    [InlineData("{\"question\": \"q\", \"search_mode\": \"psychic\"}")]
    [InlineData("{\"question\": \"q\", \"search_mode\": 99}")]
    [InlineData("{\"question\": \"q\", \"search_budget\": 99}")]
    [InlineData("{\"question\": \"q\", \"timeout_ms\": -5}")]
    [InlineData("{\"question\": \"q\", \"stop\": null}")]
    [InlineData("{\"question\": \"q\", \"priority\": 1000}")]
    [InlineData("{\"question\": \"  \"}")]
    public async Task Answers_WrongField_IsRefused(string body)
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        await gateway.PostJsonAsync("/v1/answers", body, HttpStatusCode.BadRequest);
        Assert.Empty(gateway.Node.Requests);
    }

    [Fact]
    public async Task Events_AfterLastEventId_AreExactlyTheRest()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        using HttpResponseMessage first = await gateway.PostAsync(
            "/v1/answers", """{"question": "q", "stream": true}""");
        string all = await first.Content.ReadAsStringAsync();
        string session = first.Headers.GetValues("X-Pixsearch-Session").Single();
        for (int seen = 0; seen < 7; seen++)
        {
            var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/sessions/{session}/events");
            request.Headers.Add("Last-Event-ID", $"{seen}");
            using HttpResponseMessage rest = await gateway.Http.SendAsync(request);
            Assert.Equal(Blocks(all).Skip(seen + 1), Blocks(await rest.Content.ReadAsStringAsync()));
        }

        Assert.Equal(Blocks(all).Skip(3), Blocks(
            await gateway.Http.GetStringAsync($"/v1/sessions/{session}/events?from=3")));
    }

    [Theory]
    [InlineData("/v1/sessions/nobody/events")]
    [InlineData("/v1/sessions/s1/events?from=-1")]
    [InlineData("/v1/sessions/s1/events?from=x")]
    public async Task Events_UnknownSessionOrNumber_IsRefused(string path)
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        using HttpResponseMessage response = await gateway.Http.GetAsync(path);
        Assert.InRange((int)response.StatusCode, 400, 404);
    }

    [Fact]
    public async Task Sessions_OfAnotherTenant_DoNotExist()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        await gateway.PostJsonAsync("/v1/answers", """{"question": "q"}""");
        gateway.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "key-of-rival");
        using HttpResponseMessage events = await gateway.Http.GetAsync("/v1/sessions/s1/events");
        Assert.Equal(HttpStatusCode.NotFound, events.StatusCode);
        await gateway.PostJsonAsync("/v1/sessions/s1/cancel", "{}", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Cancel_RunningSession_EndsItForItsReader()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        using HttpResponseMessage response = await gateway.PostAsync(
            "/v1/answers", """{"question": "hang", "stream": true}""");
        JsonElement first = await gateway.PostJsonAsync("/v1/sessions/s1/cancel", "{}");
        JsonElement second = await gateway.PostJsonAsync("/v1/sessions/s1/cancel", "{}");
        Assert.True(first.GetProperty("cancelled").GetBoolean());
        Assert.False(second.GetProperty("cancelled").GetBoolean());
        string[] blocks = Blocks(await response.Content.ReadAsStringAsync());
        Assert.Equal(["text", "usage", "failed"], blocks.Select(static one => Field(one, "event")));
        Assert.Equal(0, gateway.Node.Running);
    }

    [Fact]
    public async Task Disconnect_Attached_CancelsTheSession()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        (await gateway.PostAsync("/v1/answers", """{"question": "hang", "stream": true}""")).Dispose();
        Assert.True(await gateway.Node.Ended.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.Equal(0, gateway.Node.Running);
    }

    [Fact]
    public async Task Disconnect_Detached_SessionGoesOnAndCanBeRead()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        (await gateway.PostAsync("/v1/answers", """{"question": "hang", "stream": true, "detach": true}""")).Dispose();
        using HttpResponseMessage again = await gateway.Http.GetAsync(
            "/v1/sessions/s1/events", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await again.Content.ReadAsStreamAsync());
        Assert.Equal("id: 0", await reader.ReadLineAsync());
        Assert.Equal(1, gateway.Node.Running);
        await gateway.PostJsonAsync("/v1/sessions/s1/cancel", "{}");
        Assert.Contains("cancelled", await reader.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Segment_Phrases_GiveMasksAndCost()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        JsonElement result = await gateway.PostJsonAsync("/v1/segment", $$"""
            {"picture": "{{Convert.ToBase64String(ScriptedNode.Png)}}", "phrases": ["the flag", "the fish"]}
            """);
        Assert.Equal("the fish", result.GetProperty("masks")[1].GetProperty("phrase").GetString());
        await gateway.PostJsonAsync("/v1/segment", """{"phrases": ["x"]}""", HttpStatusCode.BadRequest);
        await gateway.PostJsonAsync("/v1/segment", $$"""{"picture": "{{Convert.ToBase64String(ScriptedNode.Png)}}"}""",
            HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Index_IngestLinesAndSearch_Work()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        JsonElement report = await gateway.PostJsonAsync("/v1/indexes/flags/documents", """
            {"id": "1", "title": "Fiji", "text": "capital Suva"}
            {"id": "2", "title": "Chad", "text": "capital N'Djamena"}
            """);
        Assert.Equal(2, report.GetProperty("added").GetInt32());
        JsonElement hits = await gateway.PostJsonAsync("/v1/indexes/flags/search", """{"text": "suva", "top_k": 3}""");
        Assert.Equal("flag:FJ", hits.GetProperty("hits")[0].GetProperty("document_id").GetString());
        await gateway.PostJsonAsync("/v1/indexes/nothing/search", """{"text": "suva"}""", HttpStatusCode.NotFound);
        await gateway.PostJsonAsync("/v1/indexes/flags/documents", "{\"id\": 5}", HttpStatusCode.BadRequest);
    }

    internal static string[] Blocks(string sse) => [.. sse.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)
        .Where(static block => block[0] != ':')];

    internal static string Field(string block, string name) =>
        block.Split('\n').First(line => line.StartsWith(name + ": ", StringComparison.Ordinal))
        [(name.Length + 2)..];
}
