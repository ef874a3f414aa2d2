using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using PixSearch.Gateway.Tenants;
using PixSearch.Grpc;

namespace PixSearch.Gateway.Tests;

/// <summary>A gateway on free ports over a <see cref="ScriptedNode"/>, with the tenants that a test wants.</summary>
internal sealed class GatewayFixture : IAsyncDisposable
{
    public const string Key = "key-of-acme";

    private readonly string _folder;
    private readonly bool _ownsFolder;

    private GatewayFixture(GatewayServer server, ScriptedNode node, string folder, bool ownsFolder)
    {
        (Server, Node, _folder, _ownsFolder) = (server, node, folder, ownsFolder);
        Http = new HttpClient { BaseAddress = server.HttpAddress };
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        Channel = new GrpcChannel(server.GrpcAddress);
    }

    public GatewayServer Server { get; }

    public ScriptedNode Node { get; }

    public HttpClient Http { get; }

    public GrpcChannel Channel { get; }

    public GrpcCallOptions Call { get; } = new() { Headers =
        new GrpcMetadata { { "authorization", $"Bearer {Key}" } } };

    public string TenantsFile => Path.Combine(_folder, "tenants.json");

    /// <summary>Starts one; <paramref name="rules"/> are the JSON properties of the tenant "acme" beyond name and
    /// key.</summary>
    public static async Task<GatewayFixture> StartAsync(
        string rules = "", Func<GatewayOptions, GatewayOptions>? configure = null,
        ScriptedNode? node = null, string? folder = null, Action<ILoggingBuilder>? logging = null)
    {
        node ??= new ScriptedNode();
        bool ownsFolder = folder is null;
        folder ??= Directory.CreateTempSubdirectory("px-gateway").FullName;
        string tenants = Path.Combine(folder, "tenants.json");
        await File.WriteAllTextAsync(tenants, Tenants(rules));
        var options = new GatewayOptions { Port = 0, GrpcPort = 0, TenantsFile = tenants,
            DrainGrace = TimeSpan.FromMilliseconds(200) };
        var server = new GatewayServer(configure is null ? options : configure(options), node.Services,
            logging);
        await server.StartAsync(CancellationToken.None);
        return new GatewayFixture(server, node, folder, ownsFolder);
    }

    /// <summary>A tenants file with "acme" and a second tenant, "rival", that may do everything.</summary>
    public static string Tenants(string rules) => $$"""
        {"tenants": [
          {"name": "acme", "keys": ["{{TenantDirectory.HashOf(Key)}}"],
              "ingest": true{{(rules.Length > 0 ? ", " + rules : "")}}},
          {"name": "rival", "keys": ["{{TenantDirectory.HashOf("key-of-rival")}}"], "priorityMax": 0}
        ]}
        """;

    public Task<HttpResponseMessage> PostAsync(string path, string json, CancellationToken cancellation = default) =>
        Http.SendAsync(new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(json, Encoding.UTF8, "application/json"),
        }, HttpCompletionOption.ResponseHeadersRead, cancellation);

    /// <summary>Posts and reads the answer's JSON; asserts its status.</summary>
    public async Task<JsonElement> PostJsonAsync(string path, string json, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using HttpResponseMessage response = await PostAsync(path, json);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(expected == response.StatusCode, $"{(int)response.StatusCode}: {text}");
        return JsonDocument.Parse(text).RootElement;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        Channel.Dispose();
        await Server.StopAsync();
        await Server.DisposeAsync();
        if (_ownsFolder)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }
}
