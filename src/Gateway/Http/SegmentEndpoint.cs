using Microsoft.AspNetCore.Http;
using PixSearch.Abstractions;
using PixSearch.Gateway.Asking;
using PixSearch.Gateway.Pictures;
using PixSearch.Gateway.Tenants;

namespace PixSearch.Gateway.Http;

/// <summary><c>POST /v1/segment</c>: masks without a session.</summary>
internal sealed class SegmentEndpoint(AskPipeline pipeline, OperationPipeline operations)
{
    internal async Task HandleAsync(HttpContext http)
    {
        Tenant tenant = pipeline.Authenticate(http.Request.Headers.Authorization);
        Body body = await HttpJson.ReadAsync<Body>(http, HttpJson.Strict);
        var request = new SegmentRequest
        {
            Picture = default,
            Phrases = body.Phrases,
            Points = [.. body.Points.Select(static set =>
                (IReadOnlyList<SegmentPoint>)[.. set.Select(static point => point.ToPoint())])],
            Boxes = body.Boxes,
            Model = body.Model ?? "",
            Deadline = Timeouts.ToDeadline(body.TimeoutMs, pipeline.Options.Time.GetUtcNow()),
        };
        PictureSource picture = PictureText.Parse(body.Picture, pipeline.Options.Limits.PictureBytesMax);
        SegmentResult result = await operations.SegmentAsync(tenant, request, picture, http.RequestAborted);
        await http.Response.WriteAsJsonAsync(result, HttpJson.Lenient, http.RequestAborted);
    }

    private sealed record Body
    {
        public string? Picture { get; init; }

        public string? Model { get; init; }

        public IReadOnlyList<string> Phrases { get; init; } = [];

        public IReadOnlyList<IReadOnlyList<Point>> Points { get; init; } = [];

        public IReadOnlyList<PixelBox> Boxes { get; init; } = [];

        public long? TimeoutMs { get; init; }
    }

    private sealed record Point
    {
        public float X { get; init; }

        public float Y { get; init; }

        public bool Foreground { get; init; } = true;

        internal SegmentPoint ToPoint() => new(X, Y, Foreground);
    }
}
