using System.Collections;
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

    // The span of an HTTP or gRPC request. Without a listener to it the caller's traceparent would not be read.
    private const string HostingSource = "Microsoft.AspNetCore";

    private readonly TracerProvider? _traces;
    private readonly MeterProvider? _metrics;
    private readonly bool _on;

    private OtlpExport(bool on, string[] others)
    {
        string[] names = ["PixSearch.*", .. others];
        _on = on;
        if (on)
        {
            _traces = Sdk.CreateTracerProviderBuilder().ConfigureResource(Describe).AddSource(names)
                .AddSource(HostingSource).AddProcessor(new StreamSpanFilter()).AddOtlpExporter().Build();
            _metrics = Sdk.CreateMeterProviderBuilder().ConfigureResource(Describe).AddMeter(names)
                .AddOtlpExporter().Build();
        }
    }

    /// <summary>What the environment asks for.</summary>
    /// <param name="others">Sources and meters of libraries that go along; a final <c>*</c> stands for any end.</param>
    public static OtlpExport FromEnvironment(params string[] others) =>
        new(Environment.GetEnvironmentVariable(EndpointVariable) is { Length: > 0 }, others);

    /// <summary>The variables of the environment that OpenTelemetry's settings come from (<c>OTEL_*</c>).</summary>
    internal static IEnumerable<KeyValuePair<string, string?>> Variables() =>
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Where(static one => ((string)one.Key).StartsWith("OTEL_", StringComparison.Ordinal))
            .Select(static one => new KeyValuePair<string, string?>((string)one.Key, (string?)one.Value));

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
