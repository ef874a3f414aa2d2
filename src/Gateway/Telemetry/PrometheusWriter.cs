using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace PixSearch.Gateway.Telemetry;

/// <summary>
/// Listens to the meters of this process and writes them in Prometheus' text form, version 0.0.4. Names: dots become
/// underscores, seconds get <c>_seconds</c>, counters <c>_total</c>; <c>vllm.x</c> becomes <c>vllm:x</c>. Series of an
/// instrument are bounded: past
/// <see cref="SeriesMax"/> everything new is counted under <c>overflow="true"</c>.
/// </summary>
internal sealed class PrometheusWriter : IDisposable
{
    /// <summary>Most label combinations of one instrument.</summary>
    internal const int SeriesMax = 256;

    private static readonly double[] s_defaultBounds =
        [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    private readonly ConcurrentDictionary<Instrument, Family> _families = [];
    private readonly MeterListener _listener = new();

    /// <param name="scope">Whose meters to listen to: those that carry this scope, and those of <c>PixSearch.*</c>
    /// without one.</param>
    internal PrometheusWriter(object scope)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            Meter meter = instrument.Meter;
            bool ours = meter.Name.StartsWith("PixSearch.", StringComparison.Ordinal)
                && (meter.Scope is null || meter.Scope == scope);
            if (ours || meter.Name == "Microsoft.AspNetCore.Server.Kestrel")
            {
                _families.TryAdd(instrument, new Family(instrument));
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<float>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();

    /// <summary>All families in the order of their names.</summary>
    internal string Write()
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder(8192);
        foreach (IGrouping<string, Family> group in _families.Values.GroupBy(static family => family.Name)
            .OrderBy(static group => group.Key, StringComparer.Ordinal))
        {
            Family first = group.First();
            text.Append(CultureInfo.InvariantCulture, $"# HELP {group.Key} {first.Help}\n");
            text.Append(CultureInfo.InvariantCulture, $"# TYPE {group.Key} {first.Type}\n");
            foreach (Family family in group)
            {
                family.Write(text);
            }
        }

        return text.ToString();
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (_families.TryGetValue(instrument, out Family? family))
        {
            family.Add(value, tags);
        }
    }

    private enum Kind
    {
        Sum,
        Last,
        Histogram,
    }

    /// <summary>One instrument and its series.</summary>
    private sealed class Family
    {
        private readonly ConcurrentDictionary<string, Series> _series = [];
        private readonly Kind _kind;
        private readonly double[] _bounds;

        internal Family(Instrument instrument)
        {
            string type = instrument.GetType().Name;
            bool counter = type.StartsWith("Counter", StringComparison.Ordinal);
            bool observedCounter = type.StartsWith("ObservableCounter", StringComparison.Ordinal);
            bool upDown = type.StartsWith("UpDownCounter", StringComparison.Ordinal);
            _kind = type.StartsWith("Histogram", StringComparison.Ordinal) ? Kind.Histogram : counter || upDown
                ? Kind.Sum : Kind.Last;
            Type = _kind == Kind.Histogram ? "histogram" : counter || observedCounter ? "counter" : "gauge";
            Name = NameOf(instrument, counter || observedCounter);
            Help = (instrument.Description ?? instrument.Name).Replace("\\", "\\\\", StringComparison.Ordinal)
                .Replace('\n', ' ');
            _bounds = instrument is Histogram<double> { Advice.HistogramBucketBoundaries: { } advised } ? [.. advised]
                : s_defaultBounds;
        }

        internal string Name { get; }

        internal string Type { get; }

        internal string Help { get; }

        internal void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            string labels = Labels(tags);
            if (!_series.TryGetValue(labels, out Series? series))
            {
                series = _series.GetOrAdd(_series.Count < SeriesMax ? labels : "overflow=\"true\"", _ =>
                    new Series(_bounds.Length + 1));
            }

            lock (series)
            {
                series.Sum = _kind == Kind.Last ? value : series.Sum + value;
                if (_kind == Kind.Histogram)
                {
                    int bucket = Array.BinarySearch(_bounds, value);
                    series.Buckets[bucket >= 0 ? bucket : ~bucket]++;
                }
            }
        }

        internal void Write(StringBuilder text)
        {
            foreach ((string labels, Series series) in _series.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
            {
                lock (series)
                {
                    if (_kind == Kind.Histogram)
                    {
                        WriteHistogram(text, labels, series);
                    }
                    else
                    {
                        text.Append(CultureInfo.InvariantCulture, $"{Name}{Braces(labels)} {series.Sum:R}\n");
                    }
                }
            }
        }

        private void WriteHistogram(StringBuilder text, string labels, Series series)
        {
            long count = 0;
            string comma = labels.Length > 0 ? "," : "";
            for (int i = 0; i <= _bounds.Length; i++)
            {
                count += series.Buckets[i];
                string bound = i < _bounds.Length ? _bounds[i].ToString("R", CultureInfo.InvariantCulture) : "+Inf";
                text.Append(CultureInfo.InvariantCulture, $"{Name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"{Name}_sum{Braces(labels)} {series.Sum:R}\n");
            text.Append(CultureInfo.InvariantCulture, $"{Name}_count{Braces(labels)} {count}\n");
        }

        private static string NameOf(Instrument instrument, bool counter)
        {
            string name = instrument.Name;
            bool vllm = name.StartsWith("vllm.", StringComparison.Ordinal);
            var text = new StringBuilder(vllm ? "vllm:" : "");
            foreach (char one in vllm ? name.AsSpan(5) : name)
            {
                text.Append(char.IsAsciiLetterOrDigit(one) ? one : '_');
            }

            text.Append(instrument.Unit == "s" ? "_seconds" : "");
            return text.Append(counter ? "_total" : "").ToString();
        }

        private static string Braces(string labels) => labels.Length > 0 ? $"{{{labels}}}" : "";

        private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags.IsEmpty)
            {
                return "";
            }

            var text = new StringBuilder();
            foreach ((string name, object? value) in tags)
            {
                string escaped = (Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")
                    .Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
                    .Replace("\n", "\\n", StringComparison.Ordinal);
                text.Append(text.Length > 0 ? "," : "").Append(name.Replace('.', '_').Replace('-', '_')).Append("=\"")
                    .Append(escaped)
                    .Append('"');
            }

            return text.ToString();
        }
    }

    private sealed class Series(int buckets)
    {
        internal double Sum { get; set; }

        internal long[] Buckets { get; } = new long[buckets];
    }
}
