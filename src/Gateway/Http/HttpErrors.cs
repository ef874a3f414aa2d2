using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using PixSearch.Abstractions;

namespace PixSearch.Gateway.Http;

/// <summary>Errors in OpenAI's form: <c>{"error":{"message","type","param","code"}}</c>.</summary>
internal static class HttpErrors
{
    private const string InternalMessage = "An internal error; the server's log has it.";

    /// <summary>Runs an endpoint; every exception becomes an answer, and nothing of the inside leaks.</summary>
    internal static RequestDelegate Guard(ILogger logger, Func<HttpContext, Task> endpoint) => async http =>
    {
        try
        {
            await endpoint(http);
        }
        catch (Exception error)
        {
            if (http.RequestAborted.IsCancellationRequested)
            {
                return;
            }

            await AnswerAsync(http, error, logger);
        }
    };

    /// <summary>The expected form of any exception; logs those that nobody expects.</summary>
    internal static PixException Classify(Exception error, ILogger logger)
    {
        switch (error)
        {
            case PixException known:
                return known;
            case BadHttpRequestException or InvalidDataException:
                return new PixException(PixErrorKind.InvalidArgument, error.Message, error);
            case OperationCanceledException:
                return new PixException(PixErrorKind.Cancelled, "The request was cancelled.", error);
            default:
                GatewayLog.RequestFailed(logger, error);
                return new PixException(PixErrorKind.Internal, InternalMessage, error);
        }
    }

    /// <summary>The JSON of an error.</summary>
    internal static byte[] Body(PixErrorKind kind, string message)
    {
        ErrorMap.Entry entry = ErrorMap.Of(kind);
        return JsonSerializer.SerializeToUtf8Bytes(
            new ErrorBody(new ErrorDetail(message, entry.Type, null, entry.Code)), s_withNulls);
    }

    private static readonly JsonSerializerOptions s_withNulls =
        new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static async Task AnswerAsync(HttpContext http, Exception error, ILogger logger)
    {
        PixException known = Classify(error, logger);
        if (http.Response.HasStarted)
        {
            http.Abort();
            return;
        }

        http.Response.Clear();
        http.Response.StatusCode = error is BadHttpRequestException bad ? bad.StatusCode : ErrorMap.Of(known.Kind).Http;
        if (ErrorMap.RetryAfter(known) is { } wait)
        {
            http.Response.Headers.RetryAfter = ((int)wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        if (known.Kind == PixErrorKind.Unauthenticated)
        {
            http.Response.Headers.WWWAuthenticate = "Bearer";
        }

        http.Response.ContentType = "application/json";
        await http.Response.Body.WriteAsync(Body(known.Kind, known.Message), http.RequestAborted);
    }

    private sealed record ErrorBody(ErrorDetail Error);

    private sealed record ErrorDetail(string Message, string Type, string? Param, string Code);
}
