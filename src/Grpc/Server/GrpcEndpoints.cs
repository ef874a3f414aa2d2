using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace PixSearch.Grpc;

/// <summary>Puts gRPC services behind the routes of an ASP.NET application that listens with HTTP/2.</summary>
public static class GrpcEndpoints
{
    /// <summary>
    /// Maps every method of the services to <c>POST /package.Service/Method</c>, and answers any other request with a
    /// gRPC content type with UNIMPLEMENTED.
    /// </summary>
    public static void MapGrpc(this IEndpointRouteBuilder routes, GrpcServerOptions options,
        params GrpcService[] services)
    {
        ILogger logger = routes.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger("PixSearch.Grpc");
        var server = new GrpcServer(options, logger);
        foreach (GrpcMethod method in services.SelectMany(static service => service.Methods))
        {
            RequestDelegate run = http => server.RunAsync(http, method);
            routes.MapPost(method.FullName, run);
        }

        // After every real route: {service}/{method} would otherwise hide an HTTP route of two parts.
        RoutePattern pattern = RoutePatternFactory.Parse("{service}/{method}");
        RequestDelegate refuse = http =>
        {
            if (GrpcServer.IsGrpc(http.Request.ContentType))
            {
                GrpcServer.RefuseUnknown(http);
            }
            else
            {
                http.Response.StatusCode = StatusCodes.Status404NotFound;
            }

            return Task.CompletedTask;
        };
        routes.Map(pattern, refuse).Add(static endpoint => ((RouteEndpointBuilder)endpoint).Order = int.MaxValue - 1);
    }
}
