using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace PixSearch.Gateway.Telemetry;

/// <summary>
/// Sends traces, metrics and logs over OTLP where the standard variables (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c> and the
/// like) ask for it; otherwise nothing is collected and nothing costs.
/// </summary>
public sealed class OtlpExport : IDisposable
{
    private const string EndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private readonly TracerProvider? _traces;
    private readonly MeterProvider? _metrics;
    private readonly bool _on;

    private OtlpExport(bool on)
    {
        _on = on;
        if (on)
        {
            _traces = Sdk.CreateTracerProviderBuilder().ConfigureResource(Describe).AddSource("PixSearch.*")
                .AddOtlpExporter().Build();
            _metrics = Sdk.CreateMeterProviderBuilder().ConfigureResource(Describe).AddMeter("PixSearch.*")
                .AddOtlpExporter().Build();
        }
    }

    /// <summary>What the environment asks for.</summary>
    public static OtlpExport FromEnvironment() =>
        new(Environment.GetEnvironmentVariable(EndpointVariable) is { Length: > 0 });

    /// <summary>Adds the logs.</summary>
    public void AddTo(ILoggingBuilder logging)
    {
        if (_on)
        {
            logging.AddOpenTelemetry(static options =>
            {
                ResourceBuilder resource = ResourceBuilder.CreateDefault();
                Describe(resource);
                options.SetResourceBuilder(resource);
                options.AddOtlpExporter();
            });
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _traces?.Dispose();
        _metrics?.Dispose();
    }

    private static void Describe(ResourceBuilder resource) => resource.AddService("pixsearch");
}
