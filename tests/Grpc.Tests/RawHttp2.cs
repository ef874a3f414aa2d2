using System.Net.Sockets;
using System.Text;

namespace PixSearch.Grpc.Tests;

/// <summary>An HTTP/2 connection that sends whatever frames a test wants (RFC 9113), and reads nothing unless
/// asked.</summary>
internal sealed class RawHttp2 : IAsyncDisposable
{
    private readonly TcpClient _tcp;
    private readonly NetworkStream _stream;

    private RawHttp2(TcpClient tcp) => (_tcp, _stream) = (tcp, tcp.GetStream());

    /// <summary>Connects and sends the preface with empty settings.</summary>
    internal static async Task<RawHttp2> ConnectAsync(Uri address)
    {
        var tcp = new TcpClient { NoDelay = true };
        await tcp.ConnectAsync(address.Host, address.Port);
        var connection = new RawHttp2(tcp);
        await connection._stream.WriteAsync(Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        await connection.SendAsync(type: 4, flags: 0, stream: 0, []);
        return connection;
    }

    internal async Task SendAsync(byte type, byte flags, int stream, byte[] payload)
    {
        byte[] frame = [(byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags,
            (byte)(stream >> 24), (byte)(stream >> 16), (byte)(stream >> 8), (byte)stream, .. payload];
        await _stream.WriteAsync(frame);
    }

    /// <summary>A header block of literals without indexing and without Huffman coding (RFC 7541 §6.2.2).</summary>
    internal static byte[] Headers(params (string Name, string Value)[] headers)
    {
        var block = new List<byte>();
        foreach ((string name, string value) in headers.OrderByDescending(static one => one.Name.StartsWith(':')))
        {
            block.Add(0);
            block.Add((byte)name.Length);
            block.AddRange(Encoding.ASCII.GetBytes(name));
            block.Add((byte)value.Length);
            block.AddRange(Encoding.ASCII.GetBytes(value));
        }

        return [.. block];
    }

    /// <summary>Reads until the server closes the connection; false when it did not within the time.</summary>
    internal async Task<bool> WaitForCloseAsync(TimeSpan atMost)
    {
        using var stop = new CancellationTokenSource(atMost);
        byte[] buffer = new byte[4096];
        try
        {
            while (await _stream.ReadAsync(buffer, stop.Token) > 0)
            {
            }

            return true;
        }
        catch (IOException)
        {
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public ValueTask DisposeAsync()
    {
        _tcp.Dispose();
        return ValueTask.CompletedTask;
    }
}
