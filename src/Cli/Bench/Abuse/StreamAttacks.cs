using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;
using PixSearch.Abstractions;
using PixSearch.Gateway.V1;
using PixSearch.Grpc;

namespace PixSearch.Cli.Bench.Abuse;

/// <summary>
/// Attacks on streams and connections: cancels, resets, slow and idle peers (T5 of the serving reference).
/// </summary>
internal sealed class StreamAttacks(AbuseTarget target, ulong seed, double releaseSecondsMax)
{
    private const int Concurrent = 48;

    /// <summary>Streams on both doors that their clients leave at random points; a control stream goes on.</summary>
    public async Task<AbuseResult> CancelAsync(int streams, CancellationToken cancellation)
    {
        string before = await ControlAsync(cancellation);
        int next = -1;
        int left = 0;
        int refused = 0;
        Task<string> control = ControlAsync(cancellation);
        await Task.WhenAll(Enumerable.Range(0, Math.Min(Concurrent, streams)).Select(async _ =>
        {
            for (int i = Interlocked.Increment(ref next); i < streams; i = Interlocked.Increment(ref next))
            {
                // A slow machine refuses some: every stream is opened in the end, and left.
                while (!await LeaveAsync(i, cancellation))
                {
                    Interlocked.Increment(ref refused);
                    await Task.Delay(50, cancellation);
                }

                Interlocked.Increment(ref left);
            }
        }));
        double? idle = await target.SecondsUntilIdleAsync(cancellation);
        string during = await control;
        bool held = idle <= releaseSecondsMax && during == before && left == streams;
        return new AbuseResult("cancelled streams", $"{streams} on both doors", held,
            string.Create(CultureInfo.InvariantCulture,
            $"{left} left ({refused} times refused before); all back after {idle:0.000} s, last "
            + $"{target.LastHeld}; control "
            + $"{(during == before ? "unchanged" : "CHANGED")}"));
    }

    /// <summary>HTTP/2 rapid reset (CVE-2023-44487) with whole requests.</summary>
    public async Task<AbuseResult> RapidResetAsync(int streams, CancellationToken cancellation)
    {
        byte[] headers = RawHttp2.Headers("/pixsearch.v1.PixSearch/Answer", target.Key);
        byte[] message = new Gateway.V1.AnswerRequest { Question = "What is this?" }.ToByteArray();
        byte[] frame = [0, 0, 0, 0, (byte)message.Length, .. message];
        int sent = 0;
        int connections = 0;
        while (sent < streams && connections < streams)
        {
            connections++;
            using RawHttp2 attacker = await RawHttp2.ConnectAsync(target.Grpc, cancellation);
            try
            {
                for (int stream = 1; sent < streams; stream += 2, sent++)
                {
                    await attacker.SendAsync(1, 4, stream, headers, cancellation);
                    await attacker.SendAsync(0, 1, stream, frame, cancellation);
                    await attacker.SendAsync(3, 0, stream, [0, 0, 0, 8], cancellation);
                }
            }
            catch (IOException)
            {
                // The server closed the connection (ENHANCE_YOUR_CALM), which is what should happen: the next one.
            }
        }

        double? idle = await target.SecondsUntilIdleAsync(cancellation);
        double served = await target.ServeAsync(cancellation);
        return new AbuseResult("HTTP/2 rapid reset", $"{sent} streams", idle <= releaseSecondsMax, string.Create(
            CultureInfo.InvariantCulture,
            $"{connections} connections used up; all back after {idle:0.000} s; next answer in {served:0.00} s"));
    }

    /// <summary>Connections that send a byte of their headers now and then, or of their body, and never end.</summary>
    public async Task<AbuseResult> SlowLorisAsync(int connections, CancellationToken cancellation)
    {
        var clients = new List<TcpClient>();
        try
        {
            for (int i = 0; i < connections; i++)
            {
                var client = new TcpClient();
                clients.Add(client);
                await client.ConnectAsync(target.Http.Host, target.Http.Port, cancellation);
                string head = i % 2 == 0 ? "POST /v1/answers HTTP/1.1\r\nHost: x\r\nX-A: "
                    : "POST /v1/answers HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                        + (target.Key is { } key ? $"Authorization: Bearer {key}\r\n" : "")
                        + "Content-Length: 100000\r\n\r\n{\"question\": \"";
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head), cancellation);
            }

            double served = await target.ServeAsync(cancellation);
            long start = Stopwatch.GetTimestamp();
            int closed = 0;
            while (closed < connections && Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(40))
            {
                await Task.Delay(500, cancellation);
                closed = clients.Count(IsClosed);
            }

            string seconds = Stopwatch.GetElapsedTime(start).TotalSeconds.ToString("0", CultureInfo.InvariantCulture);
            return new AbuseResult("slow loris", $"{connections} connections", closed == connections,
                string.Create(CultureInfo.InvariantCulture,
                $"{closed} closed by the server within {seconds} s; an answer meanwhile took {served:0.00} s"));
        }
        finally
        {
            clients.ForEach(static client => client.Dispose());
        }
    }

    /// <summary>Connections that do nothing.</summary>
    public async Task<AbuseResult> IdleAsync(int connections, CancellationToken cancellation)
    {
        var clients = new List<TcpClient>();
        try
        {
            for (int i = 0; i < connections; i++)
            {
                Uri address = i % 2 == 0 ? target.Http : target.Grpc;
                var client = new TcpClient();
                clients.Add(client);
                await client.ConnectAsync(address.Host, address.Port, cancellation);
            }

            double served = await target.ServeAsync(cancellation);
            return new AbuseResult("idle connections", $"{connections}", true, string.Create(
                CultureInfo.InvariantCulture, $"an answer on new connections took {served:0.00} s"));
        }
        finally
        {
            clients.ForEach(static client => client.Dispose());
        }
    }

    private static bool IsClosed(TcpClient client)
    {
        try
        {
            // A byte of the attack; then: readable and nothing to read means that the peer closed.
            client.Client.Send("a"u8);
            return client.Client.Poll(0, SelectMode.SelectRead);
        }
        catch (SocketException)
        {
            return true;
        }
    }

    private Task<string> ControlAsync(CancellationToken cancellation) =>
        target.Client.TextAsync("What stands on the left of the red drum?", 64, cancellation);

    /// <summary>Opens a stream, reads some of it and leaves. False: it was not let in.</summary>
    private async Task<bool> LeaveAsync(int number, CancellationToken cancellation)
    {
        SeededRandom random = SeededRandom.ForStream(seed, (ulong)number);
        int reads = random.NextInt(4);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        string question = $"What is thing {number} on the left?";
        try
        {
            if (number % 2 == 0)
            {
                using HttpResponseMessage response = await target.Client.PostAsync("/v1/answers",
                    new { question, stream = true, max_tokens = 256 }, stop.Token);
                if (!response.IsSuccessStatusCode)
                {
                    return false;
                }

                await using Stream stream = await response.Content.ReadAsStreamAsync(stop.Token);
                byte[] buffer = new byte[512];
                for (int i = 0; i < reads && await stream.ReadAsync(buffer, stop.Token) > 0; i++)
                {
                }

                await stop.CancelAsync();
                return true;
            }

            var request = new Gateway.V1.AnswerRequest
            {
                Question = question, Sampling = new Sampling { MaxTokens = 256 },
            };
            await foreach (AnswerEvent _ in target.Client.Channel.ServerStreamAsync<Gateway.V1.AnswerRequest,
                AnswerEvent>("/pixsearch.v1.PixSearch/Answer", request, target.Client.Call, stop.Token))
            {
                if (reads-- <= 0)
                {
                    await stop.CancelAsync();
                }
            }

            return true;
        }
        catch (GrpcException error)
        {
            return error.Code == GrpcStatusCode.Cancelled;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return true;
        }
    }
}
