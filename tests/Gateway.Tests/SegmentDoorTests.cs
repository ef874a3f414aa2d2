using System.Net;
using System.Text.Json;
using Google.Protobuf;

namespace PixSearch.Gateway.Tests;

/// <summary>
/// Phrases, point sets and boxes on both doors: one mask each, in that order, with every number as it was sent.
/// </summary>
public sealed class SegmentDoorTests
{
    private static readonly string s_picture = Convert.ToBase64String(ScriptedNode.Png);

    [Fact]
    public async Task Http_PhrasesPointsBoxes_ReachTheNodeInOrder()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        JsonElement answer = await gateway.PostJsonAsync("/v1/segment", $$"""
            {"picture": "{{s_picture}}", "phrases": ["the flag"],
             "points": [[{"x": 1, "y": 2}, {"x": 3, "y": 3, "foreground": false}]], "boxes": [[0, 1, 2, 3]]}
            """);
        string[] boxes = [.. answer.GetProperty("masks").EnumerateArray().Select(static mask =>
            mask.GetProperty("phrase").GetString() + mask.GetProperty("box").GetRawText())];
        Assert.Equal(["the flag[0,0,4,4]", "[1,2,2,1]", "[0,1,2,3]"], boxes);
    }

    [Fact]
    public async Task Grpc_PhrasesPointsBoxes_ReachTheNodeInOrder()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        var request = new V1.SegmentRequest
        {
            Picture = ByteString.CopyFrom(ScriptedNode.Png),
            Phrases = { "the flag" },
            Points =
            {
                new V1.PointSet
                {
                    Points =
                    {
                        new V1.Point { X = 1, Y = 2 }, new V1.Point { X = 3, Y = 3, Foreground = false },
                    },
                },
            },
            Boxes = { new V1.Box { X = 0, Y = 1, Width = 2, Height = 3 } },
        };
        V1.SegmentReply reply = await gateway.Channel.UnaryAsync<V1.SegmentRequest, V1.SegmentReply>(
            "/pixsearch.v1.PixSearch/Segment", request, gateway.Call);
        Assert.Equal(["the flag 0 0 4 4", " 1 2 2 1", " 0 1 2 3"], reply.Masks.Select(static mask =>
            $"{mask.Phrase} {mask.Box.X} {mask.Box.Y} {mask.Box.Width} {mask.Box.Height}"));
    }

    [Theory]
    [InlineData("""{"picture": "PICTURE", "points": [[]]}""")]
    [InlineData("""{"picture": "PICTURE"}""")]
    [InlineData("""{"picture": "PICTURE", "boxes": [[0, 1, 2]]}""")]
    [InlineData("""{"picture": "PICTURE", "boxes": [[0, 1, 2, 3.5]]}""")]
    [InlineData("""{"picture": "PICTURE", "points": [[{"x": "left", "y": 2}]]}""")]
    [InlineData("""{"boxes": [[0, 1, 2, 3]]}""")]
    public async Task Http_BadPrompts_AreRefused(string body)
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        await gateway.PostJsonAsync("/v1/segment", body.Replace("PICTURE", s_picture, StringComparison.Ordinal),
            HttpStatusCode.BadRequest);
    }
}
