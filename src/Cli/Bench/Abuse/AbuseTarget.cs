using System.Diagnostics;
using System.Globalization;
using PixSearch.Grpc.Health.V1;

namespace PixSearch.Cli.Bench.Abuse;

/// <summary>What one attack came to.</summary>
/// <param name="Name">The attack.</param>
/// <param name="Sent">What was sent.</param>
/// <param name="Held">Whether the server did what it promises.</param>
/// <param name="Observed">What was seen, with numbers.</param>
internal sealed record AbuseResult(string Name, string Sent, bool Held, string Observed);

/// <summary>A running server under attack, seen from outside: its doors and its metrics.</summary>
internal sealed class AbuseTarget(Uri http, Uri grpc, string? key) : IDisposable
{
    private static readonly string[] s_busy =
    [
        "vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc",
        "pixsearch_sessions_searching", "pixsearch_requests_running", "pixsearch_engine_image_references",
    ];

    /// <summary>HTTP door.</summary>
    public Uri Http => http;

    /// <summary>gRPC door.</summary>
    public Uri Grpc => grpc;

    /// <summary>API key; null for a server without tenants.</summary>
    public string? Key => key;

    /// <summary>What was held when <see cref="SecondsUntilIdleAsync"/> last looked before the end.</summary>
    public string LastHeld { get; private set; } = "nothing";

    /// <summary>A well-behaved client.</summary>
    public DoorClient Client { get; } = new(http, grpc, key);

    /// <summary>Seconds of one short answer on each door; throws when one is not served.</summary>
    public async Task<double> ServeAsync(CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        long start = Stopwatch.GetTimestamp();
        await Client.TextAsync("What is this?", 4, limit.Token);
        await Client.Channel.UnaryAsync<HealthCheckRequest,
            HealthCheckResponse>("/grpc.health.v1.Health/Check", new(), Client.Call, limit.Token);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Sums of the metrics by name, over labels.</summary>
    public async Task<IReadOnlyDictionary<string, double>> MetricsAsync(CancellationToken cancellation)
    {
        string text = await Client.Http.GetStringAsync(new Uri("/metrics", UriKind.Relative), cancellation);
        var sums = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (string line in text.Split('\n'))
        {
            int end = line.AsSpan().IndexOfAny('{', ' ');
            int last = line.LastIndexOf(' ');
            if (end > 0 && line[0] != '#' && double.TryParse(line.AsSpan(last + 1), NumberStyles.Float,
                CultureInfo.InvariantCulture, out double value))
            {
                string name = line[..end];
                sums[name] = sums.GetValueOrDefault(name) + value;
            }
        }

        return sums;
    }

    /// <summary>
    /// Seconds until no session, page, picture or request is held any more; null when that did not happen within a
    /// minute. <see cref="LastHeld"/> says afterwards what was given back last.
    /// </summary>
    public async Task<double?> SecondsUntilIdleAsync(CancellationToken cancellation)
    {
        LastHeld = "nothing";
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(1))
        {
            IReadOnlyDictionary<string, double> metrics = await MetricsAsync(cancellation);
            string[] held = [.. s_busy.Where(name => metrics.GetValueOrDefault(name) != 0)];
            if (held.Length == 0)
            {
                return Stopwatch.GetElapsedTime(start).TotalSeconds;
            }

            LastHeld = string.Join(", ", held.Select(name => $"{metrics[name]:0.###} {name}"));

            await Task.Delay(20, cancellation);
        }

        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => Client.Dispose();
}
