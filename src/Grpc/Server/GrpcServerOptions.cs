namespace PixSearch.Grpc;

/// <summary>How the server treats calls.</summary>
public sealed record GrpcServerOptions
{
    /// <summary>Bounds of messages.</summary>
    public GrpcLimits Limits { get; init; } = new();

    /// <summary>
    /// Turns an exception of a handler into the status that the caller sees; null = a defect, answered with INTERNAL, a
    /// fixed message and a log entry, so that nothing of the inside leaks.
    /// </summary>
    public Func<Exception, GrpcException?> MapException { get; init; } = static _ => null;

    /// <summary>Clock of the deadlines.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>
    /// Runs before each call's handler and is disposed after its end: for tracing or for counting what is in flight.
    /// May throw to refuse.
    /// </summary>
    public Func<GrpcServerContext, IDisposable?> OnCall { get; init; } = static _ => null;
}
