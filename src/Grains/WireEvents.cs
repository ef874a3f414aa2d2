using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;

namespace PixSearch.Grains;

/// <summary>Events and requests in the form that crosses silos: the documented JSON, but for text.</summary>
internal static class WireEvents
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    /// <summary>A feed that has nothing to say says so this often.</summary>
    public static readonly TimeSpan HeartbeatPeriod = TimeSpan.FromMilliseconds(500);

    // What the last event of a session starts with: a feed need not parse every event.
    private static readonly byte[][] s_lastStarts =
    [
        StartOf(new Finished(FinishReason.Stop) { Sequence = 0 }),
        StartOf(new Failed(PixErrorKind.Internal, "") { Sequence = 0 }),
    ];

    public static FeedEvent ToFeed(int reader, SessionEvent next) => next is TextDelta text
        ? new FeedEvent(reader, next.Sequence, text.Text, null)
        : new FeedEvent(reader, next.Sequence, null, JsonSerializer.SerializeToUtf8Bytes(next, s_json));

    public static SessionEvent ToEvent(in FeedEvent message) => message.Text is { } text
        ? new TextDelta(text) { Sequence = message.Sequence }
        : JsonSerializer.Deserialize<SessionEvent>(message.Json, s_json)
            ?? throw new PixException(PixErrorKind.Internal, $"Event {message.Sequence} came empty from a silo.");

    public static bool IsLast(SessionEvent next) => next is Finished or Failed;

    public static bool IsLast(in FeedEvent next)
    {
        byte[]? json = next.Json;
        return json is not null && Array.Exists(s_lastStarts, start => json.AsSpan().StartsWith(start));
    }

    public static RequestMessage ToMessage(AnswerRequest request, string pictureHash) =>
        new(JsonSerializer.Serialize(request with { Picture = default }, s_json), pictureHash);

    public static AnswerRequest ToRequest(RequestMessage message) =>
        JsonSerializer.Deserialize<AnswerRequest>(message.Json, s_json)
        ?? throw new PixException(PixErrorKind.Internal, "A request came empty from a gateway.");

    // {"type":"finished", the name of the type being written first.
    private static byte[] StartOf(SessionEvent next)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(next, s_json);
        return json[..(Array.IndexOf(json, (byte)',') + 1)];
    }
}
