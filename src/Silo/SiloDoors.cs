using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using PixSearch.Abstractions;
using PixSearch.Grains;
using PixSearch.Grains.Contracts;

namespace PixSearch.Silo;

/// <summary>A silo's small HTTP side: health, drain, metrics.</summary>
internal sealed class SiloDoors : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly IEngineHost _engine;
    private volatile bool _draining;

    public SiloDoors(SiloSettings settings, IServiceProvider services)
    {
        _engine = services.GetRequiredService<IEngineHost>();
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(
            kestrel => kestrel.Listen(IPAddress.Parse(settings.ListenAddress), settings.HttpPort));
        builder.Services.AddRoutingCore();
        _app = builder.Build();
        _app.MapGet(ServiceEndpoints.LivePath, () => Results.Text("alive"));
        _app.MapGet(ServiceEndpoints.ReadyPath, () =>
            _draining ? Results.Text("draining", statusCode: 503) : Results.Text("ready"));
        _app.MapGet(ServiceEndpoints.DrainPath, DrainAsync);
        _app.MapGet(ServiceEndpoints.MetricsPath, async () => Results.Text(Metrics(await _engine.ReportAsync())));
    }

    /// <summary>Where it listens.</summary>
    public Uri Address { get; private set; } = new("http://127.0.0.1");

    public async Task StartAsync(CancellationToken cancellation)
    {
        await _app.StartAsync(cancellation);
        Address = new Uri(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>(
            )!.Addresses.First());
    }

    /// <summary>Not ready from now on; sessions go to other silos.</summary>
    public async Task<string> DrainAsync()
    {
        _draining = true;
        await _engine.DrainAsync();
        return "drained";
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static string Metrics(EngineReport report) => FormattableString.Invariant($"""
        # TYPE pixsearch_queued_cost gauge
        pixsearch_queued_cost {report.CostQueued}
        # TYPE pixsearch_sessions_held gauge
        pixsearch_sessions_held {report.Sessions}
        # TYPE vllm:num_requests_running gauge
        vllm:num_requests_running {report.Running}
        # TYPE vllm:num_requests_waiting gauge
        vllm:num_requests_waiting {report.Sessions - report.Running}
        # TYPE vllm:kv_cache_usage_perc gauge
        vllm:kv_cache_usage_perc {1 - ((double)report.PagesFree / Math.Max(1, report.PagesTotal))}

        """);
}
