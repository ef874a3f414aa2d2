using Microsoft.Extensions.Logging;

namespace PixSearch.Gateway;

/// <summary>Log messages of the gateway. No questions, no keys, no pictures.</summary>
internal static partial class GatewayLog
{
    [LoggerMessage(1, LogLevel.Information, "The tenants file was read again: {Count} tenants.")]
    internal static partial void TenantsReloaded(ILogger logger, int count);

    [LoggerMessage(2, LogLevel.Error, "The rules before stay in force: {Reason}")]
    internal static partial void TenantsRefused(ILogger logger, string reason);

    [LoggerMessage(3, LogLevel.Error, "A request failed with an error of ours.")]
    internal static partial void RequestFailed(ILogger logger, Exception error);

    [LoggerMessage(4, LogLevel.Information, "Draining: {Count} requests are running, at most {Seconds} s.")]
    internal static partial void Draining(ILogger logger, int count, double seconds);

    [LoggerMessage(5, LogLevel.Warning,
        "The grace period is over: {Count} sessions are handed over to the session log.")]
    internal static partial void HandingOver(ILogger logger, int count);

    [LoggerMessage(6, LogLevel.Error, "Session {Session} cannot be settled.")]
    internal static partial void SettlementFailed(ILogger logger, Exception error, string session);

    [LoggerMessage(7, LogLevel.Warning,
        "Session {Session} ended without a usage event: its whole reservation of {Tokens} tokens is charged.")]
    internal static partial void UsageMissing(ILogger logger, string session, long tokens);

    [LoggerMessage(8, LogLevel.Error, "Session {Session} used {Used} tokens, but its bound was {Bound}.")]
    internal static partial void BoundWrong(ILogger logger, string session, long used, long bound);
}
