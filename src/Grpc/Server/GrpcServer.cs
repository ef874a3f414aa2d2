using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;

namespace PixSearch.Grpc;

/// <summary>
/// Runs calls: checks the request, keeps the deadline, and ends every call with exactly one status
/// (grpc/doc/PROTOCOL-HTTP2.md).
/// </summary>
internal sealed class GrpcServer(GrpcServerOptions options, ILogger logger)
{
    internal const string ContentType = "application/grpc";

    private static readonly Meter s_meter = new(GrpcTelemetry.MeterName);
    private static readonly Counter<long> s_started = s_meter.CreateCounter<long>("grpc.server.call.started", "{call}");
    private static readonly Histogram<double> s_duration =
        s_meter.CreateHistogram<double>("grpc.server.call.duration", "s");

    /// <summary>True for <c>application/grpc</c> and <c>application/grpc+proto</c>, with or without
    /// parameters.</summary>
    internal static bool IsGrpc(string? contentType)
    {
        if (contentType is null || !contentType.StartsWith(ContentType, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        ReadOnlySpan<char> rest = contentType.AsSpan(ContentType.Length);
        return rest.IsEmpty || rest[0] == ';' || rest.SequenceEqual("+proto") ||
            rest.StartsWith("+proto;", StringComparison.Ordinal);
    }

    /// <summary>Answers one request for a known method.</summary>
    internal async Task RunAsync(HttpContext http, GrpcMethod method)
    {
        if (!CheckTransport(http))
        {
            return;
        }

        long start = Stopwatch.GetTimestamp();
        var methodTag = new KeyValuePair<string, object?>("grpc.method", method.FullName[1..]);
        s_started.Add(1, methodTag);
        GrpcStatusCode status = await RunCallAsync(http, method);
        s_duration.Record(Stopwatch.GetElapsedTime(start).TotalSeconds, methodTag,
            new KeyValuePair<string, object?>("grpc.status", GrpcTelemetry.StatusName(status)));
    }

    /// <summary>Answers a call of a method or service that does not exist.</summary>
    internal static void RefuseUnknown(HttpContext http)
    {
        if (!CheckTransport(http))
        {
            return;
        }

        string path = http.Request.Path.Value ?? "";
        End(http, GrpcStatusCode.Unimplemented, $"There is no method {path[..Math.Min(path.Length, 200)]}.", null,
            null);
    }

    private async Task<GrpcStatusCode> RunCallAsync(HttpContext http, GrpcMethod method)
    {
        using var deadline = new CancellationTokenSource(Timeout.InfiniteTimeSpan, options.Time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, deadline.Token);
        DateTimeOffset? deadlineTime = null;
        GrpcServerContext? context = null;
        try
        {
            if (http.Request.Headers["grpc-timeout"].ToString() is { Length: > 0 } text)
            {
                if (!GrpcTimeout.TryParse(text, out TimeSpan timeout))
                {
                    throw new GrpcException(GrpcStatusCode.InvalidArgument,
                        "grpc-timeout is not 1-8 digits and a unit HMSmun.");
                }

                deadlineTime = options.Time.GetUtcNow() + timeout;
                deadline.CancelAfter(timeout);
            }

            context = new GrpcServerContext(http, method, deadlineTime, linked.Token);
            ApplyTransportLimits(http, method);
            var call = new GrpcServerCall(http, context, options.Limits);
            call.Negotiate();
            using IDisposable? scope = options.OnCall(context);
            await method.RunAsync(call);
            End(http, GrpcStatusCode.Ok, "", context, null);
            return GrpcStatusCode.Ok;
        }
        catch (Exception error)
        {
            if (http.RequestAborted.IsCancellationRequested)
            {
                return GrpcStatusCode.Cancelled;
            }

            GrpcException answer = deadline.IsCancellationRequested && error is OperationCanceledException
                ? new GrpcException(GrpcStatusCode.DeadlineExceeded,
                    "The deadline passed before the call was complete.")
                : Classify(error, method);
            End(http, answer.Code, answer.Message, context, answer);
            return answer.Code;
        }
    }

    private GrpcException Classify(Exception error, GrpcMethod method)
    {
        switch (error)
        {
            case GrpcException known:
                return known;
            case BadHttpRequestException bad:
                return new GrpcException(GrpcStatusCode.ResourceExhausted, bad.Message);
            case OperationCanceledException:
                return new GrpcException(GrpcStatusCode.Cancelled, "The call was cancelled.");
        }

        if (options.MapException(error) is { } mapped)
        {
            return mapped;
        }

        GrpcLog.HandlerFailed(logger, error, method.FullName);
        return new GrpcException(GrpcStatusCode.Internal, "An internal error; the server's log has it.");
    }

    private static bool CheckTransport(HttpContext http)
    {
        if (!HttpProtocol.IsHttp2(http.Request.Protocol))
        {
            http.Response.StatusCode = StatusCodes.Status426UpgradeRequired;
            http.Response.Headers.Upgrade = "HTTP/2";
            return false;
        }

        if (!IsGrpc(http.Request.ContentType))
        {
            http.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return false;
        }

        http.Response.ContentType = ContentType;
        return true;
    }

    /// <summary>
    /// Kestrel's minimum request rate stays on where one message is awaited, against slow senders; a client stream may
    /// be idle between messages, so there it is off and the call's deadline bounds it. Sizes are bounded per message,
    /// not per stream.
    /// </summary>
    private void ApplyTransportLimits(HttpContext http, GrpcMethod method)
    {
        bool streams = method.Descriptor.IsClientStreaming;
        if (streams && http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }

        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            // One byte more than a frame of the largest message, so that our own check answers, with its clearer
            // message.
            size.MaxRequestBodySize = streams ? null : options.Limits.ReceiveBytesMax + 64L * 1024;
        }
    }

    /// <summary>Writes the status: into the headers when nothing was sent yet ("Trailers-Only"), else into the
    /// trailers.</summary>
    private static void End(HttpContext http, GrpcStatusCode code, string message, GrpcServerContext? context,
        GrpcException? error)
    {
        bool trailersOnly = !http.Response.HasStarted;
        IHeaderDictionary? destination = trailersOnly
            ? http.Response.Headers
            : http.Features.Get<IHttpResponseTrailersFeature>()?.Trailers;
        if (destination is null)
        {
            return;
        }

        if (trailersOnly)
        {
            context?.ApplyHeaders();
            destination.Remove("grpc-encoding");
        }

        destination["grpc-status"] = ((int)code).ToString(CultureInfo.InvariantCulture);
        if (message.Length > 0)
        {
            destination["grpc-message"] = GrpcStatusText.Encode(message);
        }

        if (error is { Details.Count: > 0 })
        {
            var status = new Rpc.Status { Code = (int)code, Message = message, Details = { error.Details } };
            destination["grpc-status-details-bin"] = GrpcMetadata.Encode(status.ToByteArray());
        }

        IEnumerable<GrpcMetadata.Entry> custom = context?.ResponseTrailers ?? [];
        foreach (GrpcMetadata.Entry entry in custom.Concat(error?.Trailers ?? []))
        {
            destination.Append(entry.Key, GrpcMetadata.WireValue(entry));
        }
    }
}

/// <summary>Log messages of this project.</summary>
internal static partial class GrpcLog
{
    [LoggerMessage(1, LogLevel.Error, "The handler of {Method} failed.")]
    internal static partial void HandlerFailed(ILogger logger, Exception error, string method);
}
