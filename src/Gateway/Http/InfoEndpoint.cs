using System.Reflection;
using Microsoft.AspNetCore.Http;
using PixSearch.Abstractions;
using PixSearch.Gateway.Asking;
using PixSearch.Gateway.Telemetry;
using PixSearch.Gateway.Tenants;

namespace PixSearch.Gateway.Http;

/// <summary>Models, health, metrics, and the description of all this.</summary>
internal sealed class InfoEndpoint(AskPipeline pipeline, GatewayServices services, PrometheusWriter prometheus,
    long created)
{
    private static readonly byte[] s_openApi = ReadOpenApi();

    /// <summary>The models that the caller may use.</summary>
    internal async Task ModelsAsync(HttpContext http)
    {
        Tenant tenant = pipeline.Authenticate(http.Request.Headers.Authorization);
        ModelEntry[] models = [.. services.Catalog.Models.Where(one =>
            TenantRules.Allows(tenant.Rules.Models, one.Name))
            .Select(Entry)];
        await http.Response.WriteAsJsonAsync(new { @object = "list", data = models }, HttpJson.Lenient,
            http.RequestAborted);
    }

    /// <summary>One model.</summary>
    internal async Task ModelAsync(HttpContext http)
    {
        Tenant tenant = pipeline.Authenticate(http.Request.Headers.Authorization);
        ServedModel model = pipeline.Checks.Model(tenant, (string)http.Request.RouteValues["id"]!);
        await http.Response.WriteAsJsonAsync(Entry(model), HttpJson.Lenient, http.RequestAborted);
    }

    /// <summary>The process lives.</summary>
    internal static Task LiveAsync(HttpContext http) => http.Response.WriteAsync("live\n", http.RequestAborted);

    /// <summary>The server takes requests: 503 from SIGTERM on.</summary>
    internal Task ReadyAsync(HttpContext http)
    {
        bool ready = !pipeline.Drain.IsDraining;
        http.Response.StatusCode = ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        return http.Response.WriteAsync(ready ? "ready\n" : "draining\n", http.RequestAborted);
    }

    /// <summary>All metrics in Prometheus' text form.</summary>
    internal async Task MetricsAsync(HttpContext http)
    {
        await services.OnScrape(http.RequestAborted);
        http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        await http.Response.WriteAsync(prometheus.Write(), http.RequestAborted);
    }

    /// <summary>The OpenAPI document.</summary>
    internal static async Task OpenApiAsync(HttpContext http)
    {
        http.Response.ContentType = "application/json";
        await http.Response.Body.WriteAsync(s_openApi, http.RequestAborted);
    }

    private ModelEntry Entry(ServedModel model) => new(model.Name, "model", created, "pixsearch",
        new ModelBounds(model.ContextTokens, model.ImageTokensMax, model.SearchesMax, model.MasksMax));

    private static byte[] ReadOpenApi()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("openapi.json")!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private sealed record ModelEntry(string Id, string Object, long Created, string OwnedBy, ModelBounds Pixsearch);

    private sealed record ModelBounds(int ContextTokens, int ImageTokensMax, int SearchesMax, int MasksMax);
}
