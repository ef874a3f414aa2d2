using System.Net.Sockets;
using System.Text;

namespace PixSearch.Cli.Bench.Abuse;

/// <summary>An HTTP/2 connection that sends whatever frames it is told to (RFC 9113) and never reads.</summary>
internal sealed class RawHttp2 : IDisposable
{
    private readonly TcpClient _tcp;
    private readonly NetworkStream _stream;

    private RawHttp2(TcpClient tcp) => (_tcp, _stream) = (tcp, tcp.GetStream());

    /// <summary>Connects and sends the preface with empty settings.</summary>
    public static async Task<RawHttp2> ConnectAsync(Uri address, CancellationToken cancellation)
    {
        var tcp = new TcpClient { NoDelay = true };
        await tcp.ConnectAsync(address.Host, address.Port, cancellation);
        var connection = new RawHttp2(tcp);
        await connection.WriteAsync(Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), cancellation);
        await connection.SendAsync(type: 4, flags: 0, stream: 0, [], cancellation);
        return connection;
    }

    /// <summary>One frame.</summary>
    public Task SendAsync(byte type, byte flags, int stream, byte[] payload, CancellationToken cancellation) =>
        WriteAsync([(byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags,
            (byte)(stream >> 24), (byte)(stream >> 16), (byte)(stream >> 8), (byte)stream, .. payload], cancellation);

    /// <summary>Any bytes.</summary>
    public async Task WriteAsync(byte[] bytes, CancellationToken cancellation) =>
        await _stream.WriteAsync(bytes, cancellation);

    /// <summary>A header block of literals without indexing and without Huffman coding (RFC 7541 §6.2.2).</summary>
    public static byte[] Headers(string path, string? key)
    {
        var block = new List<byte>();
        Add(":method", "POST");
        Add(":scheme", "http");
        Add(":path", path);
        Add(":authority", "bench");
        Add("content-type", "application/grpc");
        Add("te", "trailers");
        if (key is not null)
        {
            Add("authorization", $"Bearer {key}");
        }

        return [.. block];

        void Add(string name, string value)
        {
            block.Add(0);
            block.Add((byte)name.Length);
            block.AddRange(Encoding.ASCII.GetBytes(name));
            block.Add((byte)value.Length);
            block.AddRange(Encoding.ASCII.GetBytes(value));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _tcp.Dispose();
}
