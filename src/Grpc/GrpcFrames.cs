using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Pipelines;
using Google.Protobuf;

namespace PixSearch.Grpc;

/// <summary>
/// Length-prefixed messages: one byte flag (1 = compressed), four bytes length, big-endian, then the message
/// (grpc/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message").
/// </summary>
internal static class GrpcFrames
{
    /// <summary>Bytes before each message.</summary>
    internal const int HeaderBytes = 5;

    internal const string Identity = "identity";

    internal const string Gzip = "gzip";

    internal const string AcceptEncoding = "identity,gzip";

    /// <summary>Appends a frame; does not flush.</summary>
    internal static void Write(IBufferWriter<byte> output, IMessage message, bool peerTakesGzip, GrpcLimits limits)
    {
        int size = message.CalculateSize();
        if (size > limits.SendBytesMax)
        {
            throw new GrpcException(GrpcStatusCode.ResourceExhausted,
                $"The message to send has {size} bytes; the limit is {limits.SendBytesMax} (SendBytesMax).");
        }

        if (peerTakesGzip && size >= limits.CompressBytesMin)
        {
            WriteCompressed(output, message, size);
            return;
        }

        WriteHeader(output, flag: 0, size);
        message.WriteTo(output);
    }

    /// <summary>
    /// The next message, or null at the end of the stream. A message is parsed in place: memory grows with what the
    /// peer really sent, not with what its header promises.
    /// </summary>
    internal static async ValueTask<T?> ReadAsync<T>(PipeReader reader, MessageParser<T> parser, string encoding,
        GrpcLimits limits, CancellationToken cancellation)
        where T : class, IMessage<T>
    {
        while (true)
        {
            ReadResult result = await reader.ReadAsync(cancellation);
            ReadOnlySequence<byte> buffer = result.Buffer;
            if (result.IsCanceled)
            {
                throw new OperationCanceledException(cancellation);
            }

            if (TryParse(ref buffer, parser, encoding, limits, out T? message))
            {
                reader.AdvanceTo(buffer.Start);
                return message;
            }

            if (result.IsCompleted)
            {
                if (buffer.IsEmpty)
                {
                    return null;
                }

                throw new GrpcException(GrpcStatusCode.Internal,
                    $"The stream ended inside a message, after {buffer.Length} bytes of it.");
            }

            reader.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private static bool TryParse<T>(ref ReadOnlySequence<byte> buffer, MessageParser<T> parser, string encoding,
        GrpcLimits limits, out T? message)
        where T : class, IMessage<T>
    {
        message = null;
        if (buffer.Length < HeaderBytes)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[HeaderBytes];
        buffer.Slice(0, HeaderBytes).CopyTo(header);
        uint length = BinaryPrimitives.ReadUInt32BigEndian(header[1..]);
        CheckHeader(header[0], length, encoding, limits);
        if (buffer.Length - HeaderBytes < length)
        {
            return false;
        }

        ReadOnlySequence<byte> body = buffer.Slice(HeaderBytes, length);
        try
        {
            message = header[0] == 0
                ? parser.ParseFrom(body)
                : parser.ParseFrom(Decompress(body, limits.ReceiveBytesMax));
        }
        catch (InvalidProtocolBufferException error)
        {
            throw new GrpcException(GrpcStatusCode.Internal, "The message is not valid protobuf of its type.", error);
        }

        buffer = buffer.Slice(HeaderBytes + length);
        return true;
    }

    private static void CheckHeader(byte flag, uint length, string encoding, GrpcLimits limits)
    {
        if (flag > 1)
        {
            throw new GrpcException(GrpcStatusCode.Internal,
                $"The compression flag of a message is {flag}; it can be 0 or 1.");
        }

        if (flag == 1 && encoding != Gzip)
        {
            throw new GrpcException(GrpcStatusCode.Internal,
                $"A message is marked as compressed, but grpc-encoding is '{encoding}'.");
        }

        if (length > (uint)limits.ReceiveBytesMax)
        {
            throw new GrpcException(GrpcStatusCode.ResourceExhausted,
                $"The message has {length} bytes; the limit is {limits.ReceiveBytesMax} (ReceiveBytesMax).");
        }
    }

    private static void WriteHeader(IBufferWriter<byte> output, byte flag, int size)
    {
        Span<byte> header = output.GetSpan(HeaderBytes);
        header[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(header[1..], (uint)size);
        output.Advance(HeaderBytes);
    }

    private static void WriteCompressed(IBufferWriter<byte> output, IMessage message, int size)
    {
        using var packed = new MemoryStream(size / 2);
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            message.WriteTo(gzip);
        }

        WriteHeader(output, flag: 1, (int)packed.Length);
        output.Write(packed.GetBuffer().AsSpan(0, (int)packed.Length));
    }

    /// <summary>Unpacks gzip, at most <paramref name="bytesMax"/>: a bomb costs no more than a message of that
    /// size.</summary>
    private static ReadOnlySequence<byte> Decompress(ReadOnlySequence<byte> packed, int bytesMax)
    {
        var output = new ArrayBufferWriter<byte>(Math.Min(bytesMax, 16 * 1024));
        try
        {
            using var gzip = new GZipStream(new MemoryStream(packed.ToArray()), CompressionMode.Decompress);
            while (true)
            {
                int count = gzip.Read(output.GetSpan(4096));
                if (count == 0)
                {
                    return new ReadOnlySequence<byte>(output.WrittenMemory);
                }

                output.Advance(count);
                if (output.WrittenCount > bytesMax)
                {
                    throw new GrpcException(GrpcStatusCode.ResourceExhausted,
                        $"The message unpacks to more than {bytesMax} bytes (ReceiveBytesMax).");
                }
            }
        }
        catch (InvalidDataException error)
        {
            throw new GrpcException(GrpcStatusCode.Internal, "The message is not valid gzip.", error);
        }
    }
}
