using Google.Protobuf.WellKnownTypes;
using PixSearch.Abstractions;
using PixSearch.Grpc;
using PixSearch.Grpc.Rpc;

namespace PixSearch.Gateway;

/// <summary>
/// The one table from <see cref="PixErrorKind"/> to what callers see: HTTP status, gRPC status, OpenAI's error type and
/// a stable code.
/// </summary>
public static class ErrorMap
{
    /// <summary>Domain of <c>google.rpc.ErrorInfo</c>.</summary>
    public const string Domain = "pixsearch";

    private static readonly TimeSpan s_retryDefault = TimeSpan.FromSeconds(1);

    /// <summary>One line of the table.</summary>
    /// <param name="Http">HTTP status.</param>
    /// <param name="Grpc">gRPC status.</param>
    /// <param name="Type">OpenAI's <c>error.type</c>.</param>
    /// <param name="Code">OpenAI's <c>error.code</c>, and the reason in <c>ErrorInfo</c>.</param>
    /// <param name="Retry">Whether the same request may succeed later, so that <c>Retry-After</c> is sent.</param>
    public readonly record struct Entry(int Http, GrpcStatusCode Grpc, string Type, string Code, bool Retry);

    /// <summary>The line of a kind.</summary>
    public static Entry Of(PixErrorKind kind) => kind switch
    {
        PixErrorKind.InvalidArgument =>
            new(400, GrpcStatusCode.InvalidArgument, "invalid_request_error", "invalid_argument", false),
        PixErrorKind.InvalidPicture =>
            new(400, GrpcStatusCode.InvalidArgument, "invalid_request_error", "invalid_picture", false),
        PixErrorKind.NotFound => new(404, GrpcStatusCode.NotFound, "invalid_request_error", "not_found", false),
        PixErrorKind.BrokenArtifact => new(500, GrpcStatusCode.DataLoss, "server_error", "broken_artifact", false),
        PixErrorKind.Unauthenticated =>
            new(401, GrpcStatusCode.Unauthenticated, "authentication_error", "invalid_api_key", false),
        PixErrorKind.PermissionDenied =>
            new(403, GrpcStatusCode.PermissionDenied, "permission_error", "permission_denied", false),
        PixErrorKind.QuotaExceeded =>
            new(429, GrpcStatusCode.ResourceExhausted, "rate_limit_error", "quota_exceeded", true),
        PixErrorKind.Overloaded => new(503, GrpcStatusCode.Unavailable, "server_error", "overloaded", true),
        PixErrorKind.Unavailable => new(503, GrpcStatusCode.Unavailable, "server_error", "unavailable", true),
        PixErrorKind.DeadlineExceeded =>
            new(504, GrpcStatusCode.DeadlineExceeded, "server_error", "deadline_exceeded", false),
        PixErrorKind.Cancelled => new(499, GrpcStatusCode.Cancelled, "invalid_request_error", "cancelled", false),
        PixErrorKind.Internal => new(500, GrpcStatusCode.Internal, "server_error", "internal", false),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>How long a caller should wait; null when waiting does not help. Whole seconds, at least one.</summary>
    public static TimeSpan? RetryAfter(PixException error)
    {
        if (!Of(error.Kind).Retry)
        {
            return null;
        }

        TimeSpan wait = error.RetryAfter ?? s_retryDefault;
        return TimeSpan.FromSeconds(Math.Clamp(Math.Ceiling(wait.TotalSeconds), 1, 86_400));
    }

    /// <summary>The gRPC form, with <c>ErrorInfo</c> and, when waiting helps, <c>RetryInfo</c>.</summary>
    public static GrpcException ToGrpc(PixException error)
    {
        Entry entry = Of(error.Kind);
        var details = new List<Any> { Any.Pack(new ErrorInfo { Reason = entry.Code, Domain = Domain }) };
        if (RetryAfter(error) is { } wait)
        {
            details.Add(Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(wait) }));
        }

        return new GrpcException(entry.Grpc, error.Message, error) { Details = details };
    }
}
