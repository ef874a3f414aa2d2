using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Google.Protobuf;
using PixSearch.Abstractions;
using PixSearch.Gateway.V1;
using PixSearch.Grpc;
using PixSearch.Imaging;

namespace PixSearch.Cli.Bench.Abuse;

/// <summary>
/// Attacks on what is inside of streams: frames, protobuf, JSON, pictures (T10 of the serving reference).
/// </summary>
internal sealed class MessageAttacks(AbuseTarget target, ulong seed)
{
    /// <summary>Random and malformed HTTP/2 frames, each on a connection of its own.</summary>
    public async Task<AbuseResult> FramesAsync(int connections, CancellationToken cancellation)
    {
        var random = new SeededRandom(seed);
        for (int i = 0; i < connections; i++)
        {
            using RawHttp2 attacker = await RawHttp2.ConnectAsync(target.Grpc, cancellation);
            try
            {
                byte[] headers = RawHttp2.Headers("/pixsearch.v1.PixSearch/Answer", target.Key);
                await attacker.SendAsync(1, 4, 1, headers, cancellation);
                await ((i % 4) switch
                {
                    // A gRPC message of four gigabytes; a frame longer than allowed; noise; frames of random types.
                    0 => attacker.SendAsync(0, 0, 1, [0, 255, 255, 255, 255, 1, 2, 3], cancellation),
                    1 => attacker.WriteAsync([255, 255, 255, 0, 0, 0, 0, 0, 1, .. new byte[64]], cancellation),
                    2 => attacker.WriteAsync(Noise(random, 200), cancellation),
                    _ => attacker.SendAsync((byte)random.NextInt(12), (byte)random.NextInt(256), random.NextInt(4),
                        Noise(random, random.NextInt(40)), cancellation),
                });
            }
            catch (IOException)
            {
                // Closed by the server.
            }
        }

        double served = await target.ServeAsync(cancellation);
        double? idle = await target.SecondsUntilIdleAsync(cancellation);
        return new AbuseResult("malformed and giant frames", $"{connections} connections", idle is not null,
            string.Create(CultureInfo.InvariantCulture, $"next answer in {served:0.00} s; nothing held"));
    }

    /// <summary>Messages that are not protobuf, or protobuf that is no request.</summary>
    public async Task<AbuseResult> ProtobufAsync(int messages, CancellationToken cancellation)
    {
        var random = new SeededRandom(seed + 1);
        byte[] valid = new Gateway.V1.AnswerRequest
        {
            Question = "q", Sampling = new Sampling { MaxTokens = 1 }, SearchMode = Gateway.V1.SearchMode.None,
        }.ToByteArray();
        var codes = new SortedDictionary<string, int>(StringComparer.Ordinal);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = target.Grpc };
        for (int i = 0; i < messages; i++)
        {
            byte[] body = i % 2 == 0 ? Noise(random, 1 + random.NextInt(60)) : Mutate(random, valid);
            string code = await PostAsync(http, body, cancellation);
            codes[code] = codes.GetValueOrDefault(code) + 1;
        }

        await target.ServeAsync(cancellation);

        // 0 answered, 3 refused, 4-16 other refusals; 13 is what gRPC prescribes for messages that cannot be parsed.
        bool held = codes.Keys.All(static code => code is "0" or "3" or "5" or "8" or "13" or "14");
        return new AbuseResult("invalid protobuf", $"{messages} messages", held,
            "grpc-status " + string.Join(", ", codes.Select(static pair => $"{pair.Key}: {pair.Value}")));
    }

    /// <summary>JSON with flipped bytes, cut, and nested too deep.</summary>
    public async Task<AbuseResult> JsonAsync(int bodies, CancellationToken cancellation)
    {
        var random = new SeededRandom(seed + 2);
        byte[] valid = Encoding.UTF8.GetBytes(
            """{"model":"","messages":[{"role":"user","content":"q"}],"max_tokens":1,"stop":["a"],"seed":5}""");
        var codes = new SortedDictionary<int, int>();
        int untyped = 0;
        for (int i = 0; i < bodies; i++)
        {
            byte[] body = i % 50 == 0 ? Encoding.ASCII.GetBytes(new string('[', 50_000)) : Mutate(random, valid);
            using var content = new ByteArrayContent(body);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using HttpResponseMessage response = await target.Client.Http.PostAsync("/v1/chat/completions", content,
                cancellation);
            string text = await response.Content.ReadAsStringAsync(cancellation);
            int code = (int)response.StatusCode;
            codes[code] = codes.GetValueOrDefault(code) + 1;
            bool typed = response.IsSuccessStatusCode
                || text.StartsWith("{\"error\":{\"message\":", StringComparison.Ordinal);
            untyped += typed ? 0 : 1;
        }

        await target.ServeAsync(cancellation);
        return new AbuseResult("invalid JSON", $"{bodies} bodies", untyped == 0 && !codes.ContainsKey(500),
            "HTTP " + string.Join(", ", codes.Select(static pair => $"{pair.Key}: {pair.Value}"))
            + $"; {untyped} without a typed error");
    }

    /// <summary>Bombs, cut files, files of other kinds, damaged files.</summary>
    public async Task<AbuseResult> PicturesAsync(int damaged, CancellationToken cancellation)
    {
        var random = new SeededRandom(seed + 3);
        byte[] png = PictureCodec.EncodePng(new RgbImage(64, 64, Noise(random, 64 * 64 * 3)));
        byte[] jpeg = PictureCodec.EncodeJpeg(new RgbImage(64, 64, Noise(random, 64 * 64 * 3)));
        List<byte[]> pictures =
        [
            Header(png, 100_000, 100_000), Header(png, 1, 100_000), Header(png, 100_000, 1), Header(png, 0, 64),
            Header(png, int.MaxValue, 1), png[..20], png[..^20], jpeg[..^200], jpeg[..10], "GIF89a"u8.ToArray(),
            Encoding.UTF8.GetBytes("<svg xmlns='http://www.w3.org/2000/svg'/>"), "RIFF\0\0\0\0WEBPVP8 "u8.ToArray(),
            new byte[50], [0xFF, 0xD8, 0xFF],
        ];
        int certain = pictures.Count;
        for (int i = 0; i < damaged; i++)
        {
            pictures.Add(Mutate(random, i % 2 == 0 ? png : jpeg));
        }

        var codes = new SortedDictionary<int, int>();
        int wrong = 0;
        for (int i = 0; i < pictures.Count; i++)
        {
            using HttpResponseMessage response = await target.Client.PostAsync("/v1/answers", new
            {
                question = "q", picture = Convert.ToBase64String(pictures[i]), max_tokens = 1, search_mode = "none",
            }, cancellation);
            string text = await response.Content.ReadAsStringAsync(cancellation);
            int code = (int)response.StatusCode;
            codes[code] = codes.GetValueOrDefault(code) + 1;

            // A flipped pixel may still be a picture; those in the list by hand never are.
            bool refused = code == 400 && text.Contains("\"invalid_picture\"", StringComparison.Ordinal);
            wrong += refused || (i >= certain && code == 200) ? 0 : 1;
        }

        double? idle = await target.SecondsUntilIdleAsync(cancellation);
        return new AbuseResult("hostile pictures", $"{certain} made, {damaged} damaged", wrong == 0 && idle is not null,
            "HTTP " + string.Join(", ", codes.Select(static pair => $"{pair.Key}: {pair.Value}"))
            + $"; {wrong} answered otherwise than with invalid_picture");
    }

    private static byte[] Header(byte[] png, int width, int height)
    {
        byte[] copy = [.. png];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(copy.AsSpan(16), width);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(copy.AsSpan(20), height);

        // The chunk's checksum must be right, or the size would never be looked at.
        uint crc = Crc(copy.AsSpan(12, 17));
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(copy.AsSpan(29), crc);
        return copy;
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte one in bytes)
        {
            crc ^= one;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
            }
        }

        return ~crc;
    }

    private static byte[] Noise(SeededRandom random, int length)
    {
        var bytes = new byte[length];
        for (int i = 0; i < length; i++)
        {
            bytes[i] = (byte)random.NextInt(256);
        }

        return bytes;
    }

    private static byte[] Mutate(SeededRandom random, byte[] valid)
    {
        byte[] bytes = [.. valid];
        int changes = 1 + random.NextInt(4);
        for (int i = 0; i < changes; i++)
        {
            bytes[random.NextInt(bytes.Length)] = (byte)random.NextInt(256);
        }

        return random.NextBool(0.2) ? bytes[..random.NextInt(bytes.Length)] : bytes;
    }

    private async Task<string> PostAsync(HttpClient http, byte[] message, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/pixsearch.v1.PixSearch/Answer")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([0, .. BitConverter.GetBytes(IPAddress.HostToNetworkOrder(message.Length)),
                .. message]),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TryAddWithoutValidation("te", "trailers");
        if (target.Key is { } key)
        {
            request.Headers.TryAddWithoutValidation("authorization", $"Bearer {key}");
        }

        using HttpResponseMessage response = await http.SendAsync(request, cancellation);
        await response.Content.ReadAsByteArrayAsync(cancellation);
        HttpResponseHeaders place = response.Headers.Contains("grpc-status") ? response.Headers
            : response.TrailingHeaders;
        return place.TryGetValues("grpc-status", out IEnumerable<string>? values) ? values.First()
            : $"none ({((int)response.StatusCode).ToString(CultureInfo.InvariantCulture)})";
    }
}
