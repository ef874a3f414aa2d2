using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using PixSearch.Imaging;

namespace PixSearch.Inference.Engine;

/// <summary>
/// Keys of full pages: each is a hash of the tenant, all slots up to the page's end and, from the first picture slot
/// on, the
/// picture's content. Two sessions share a page only if everything before it is equal, too. The tenant is part of the
/// hash so
/// that no tenant can learn by timing what another has asked (CVE-2025-46570); the server sets it, never the client.
/// </summary>
internal sealed class PageKeys
{
    private readonly int _pageSize;
    private readonly UInt128 _picture;
    private readonly List<UInt128> _keys = [];
    private UInt128 _last;

    public PageKeys(string tenant, UInt128 picture, int pageSize)
    {
        (_pageSize, _picture) = (pageSize, picture);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes("tenant:" + tenant), hash);
        _last = BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }

    /// <summary>Key of page <paramref name="index"/>; the slots must fill it, and must not change after.</summary>
    public UInt128 Get(int index, ReadOnlySpan<int> slots)
    {
        while (_keys.Count <= index)
        {
            _keys.Add(_last = Chain(slots.Slice(_keys.Count * _pageSize, _pageSize)));
        }

        return _keys[index];
    }

    /// <summary>Hash of a tenant and a picture's size and pixels.</summary>
    public static UInt128 HashOf(string tenant, RgbImage picture)
    {
        using var hasher = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> sizes = stackalloc byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(sizes, picture.Width);
        BinaryPrimitives.WriteInt32LittleEndian(sizes[4..], picture.Height);
        hasher.AppendData(sizes);
        hasher.AppendData(picture.Pixels);
        hasher.AppendData(Encoding.UTF8.GetBytes(tenant));
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        hasher.GetHashAndReset(hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }

    private UInt128 Chain(ReadOnlySpan<int> page)
    {
        bool hasPicture = false;
        foreach (int slot in page)
        {
            hasPicture |= slot < 0;
        }

        Span<byte> input = stackalloc byte[32 + (page.Length * sizeof(int))];
        BinaryPrimitives.WriteUInt128LittleEndian(input, _last);
        BinaryPrimitives.WriteUInt128LittleEndian(input[16..], hasPicture ? _picture : UInt128.Zero);
        MemoryMarshal.AsBytes(page).CopyTo(input[32..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(input, hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}
