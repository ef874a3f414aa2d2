namespace PixSearch.Grpc;

/// <summary>Bounds of one side of a call.</summary>
public sealed record GrpcLimits
{
    /// <summary>Largest message taken, in bytes, after decompression.</summary>
    public int ReceiveBytesMax { get; init; } = 4 * 1024 * 1024;

    /// <summary>Largest message sent, in bytes, before compression.</summary>
    public int SendBytesMax { get; init; } = 16 * 1024 * 1024;

    /// <summary>Messages from this size on are gzipped when the peer takes gzip; smaller ones would not gain.</summary>
    public int CompressBytesMin { get; init; } = 1024;
}
