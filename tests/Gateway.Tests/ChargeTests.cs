using System.Net;
using PixSearch.Gateway.Tenants;

namespace PixSearch.Gateway.Tests;

/// <summary>T7 of the serving reference: what is charged equals what the engine counted, on every endpoint, and budgets
/// hold.</summary>
public sealed class ChargeTests
{
    [Fact]
    public async Task Charge_EveryEndpointAndEnd_EqualsTheEnginesCount()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        TokenLedger ledger = gateway.Server.Tenants.Find("acme")!.Ledger;
        await gateway.PostJsonAsync("/v1/chat/completions", ChatTests.Chat("q"));
        Assert.Equal(188, ledger.Spent);
        await DrainAsync(gateway.PostAsync("/v1/chat/completions", ChatTests.Chat("q", "\"stream\": true")));
        await gateway.PostJsonAsync("/v1/answers", """{"question": "q"}""");
        await DrainAsync(gateway.PostAsync("/v1/answers", """{"question": "q", "stream": true}"""));
        await foreach (V1.AnswerEvent _ in gateway.Channel.ServerStreamAsync<V1.AnswerRequest, V1.AnswerEvent>(
            "/pixsearch.v1.PixSearch/Answer", new V1.AnswerRequest { Question = "q" }, gateway.Call))
        {
        }

        Assert.Equal(5 * 188, ledger.Spent);
        await gateway.PostJsonAsync("/v1/answers", """{"question": "fail"}""", HttpStatusCode.GatewayTimeout);
        (await gateway.PostAsync("/v1/answers", """{"question": "hang", "stream": true}""")).Dispose();
        for (int i = 0; i < 7; i++)
        {
            Assert.True(await gateway.Node.Ended.WaitAsync(TimeSpan.FromSeconds(10)));
        }

        await gateway.Server.StopAsync();
        Assert.Equal((gateway.Node.Tokens, 0), (ledger.Spent, ledger.Reserved));
        Assert.Equal((5 * 188) + (2 * 165), ledger.Spent);
    }

    [Fact]
    public async Task Budget_ManyAtOnce_IsNeverPassed()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync("\"tokenBudget\": 5000");
        TokenLedger ledger = gateway.Server.Tenants.Find("acme")!.Ledger;
        HttpStatusCode[] answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(async _ =>
        {
            using HttpResponseMessage response = await gateway.PostAsync("/v1/answers", """{"question": "q"}""");
            await response.Content.ReadAsByteArrayAsync();
            Assert.True(response.IsSuccessStatusCode || response.Headers.RetryAfter is not null);
            return response.StatusCode;
        }));
        Assert.All(answers, static one => Assert.True(one is HttpStatusCode.OK or HttpStatusCode.TooManyRequests));
        Assert.InRange(ledger.Spent, 188 * 4, 5000);
        Assert.Equal((gateway.Node.Tokens, 0), (ledger.Spent, ledger.Reserved));
        Assert.Equal(188 * answers.Count(static one => one == HttpStatusCode.OK), ledger.Spent);
    }

    [Fact]
    public async Task Restart_AfterKill_SessionLeftOpenIsSettledByTheNextProcess()
    {
        string folder = Directory.CreateTempSubdirectory("px-restart").FullName;
        var node = new ScriptedNode();
        GatewayOptions Keep(GatewayOptions options) =>
            options with { LedgerFile = Path.Combine(folder, "ledger.jsonl") };

        await using (GatewayFixture first = await GatewayFixture.StartAsync(
            configure: Keep, node: node, folder: folder))
        {
            await first.PostJsonAsync("/v1/answers", """{"question": "q"}""");
            using HttpResponseMessage open = await first.PostAsync("/v1/answers",
                """{"question": "hang", "stream": true, "detach": true}""");

            // The grace period passes with the session still running: it is handed over, not cancelled.
            Assert.False(await first.Server.StopAsync());
            string text = await open.Content.ReadAsStringAsync();
            Assert.Contains("resume it from event 1", text, StringComparison.Ordinal);
        }

        Assert.Equal(1, node.Running);
        await using GatewayFixture second = await GatewayFixture.StartAsync(
            configure: Keep, node: node, folder: folder);
        TokenLedger ledger = second.Server.Tenants.Find("acme")!.Ledger;
        Assert.Equal((188, 1024), (ledger.Spent, ledger.Reserved));
        await second.PostJsonAsync("/v1/sessions/s2/cancel", "{}");
        Assert.True(await second.Server.StopAsync());
        Assert.Equal((node.Tokens, 0), (ledger.Spent, ledger.Reserved));
        Directory.Delete(folder, recursive: true);
    }

    private static async Task DrainAsync(Task<HttpResponseMessage> pending)
    {
        using HttpResponseMessage response = await pending;
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await response.Content.ReadAsByteArrayAsync();
    }
}
