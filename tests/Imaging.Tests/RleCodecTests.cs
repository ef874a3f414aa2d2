using PixSearch.Abstractions;
using PixSearch.Imaging.Masks;

namespace PixSearch.Imaging.Tests;

/// <summary>Goal: pycocotools' format. Literals were worked out by hand from maskApi.c's rleToString.</summary>
public sealed class RleCodecTests
{
    [Fact]
    public void Encode_CentreOfThree_EqualsLiteral()
    {
        var mask = new BinaryMask(3, 3);
        mask[1, 1] = true;

        // Runs 4 1 4, all below 16: '0' + 4, '0' + 1, '0' + 4.
        Assert.Equal("414", RleCodec.Encode(mask).Counts);
    }

    [Fact]
    public void Encode_LongAndNegative_EqualsLiteral()
    {
        // Column of 100: runs 40 50 5 5. 40 = 8 + 1*32 -> 'X1'; 50 = 18 + 1*32 -> 'b1'; 5 -> '5'; 5 - 50 = -45 -> 'cN'.
        var mask = new BinaryMask(1, 100);
        for (int y = 40; y < 90; y++)
        {
            mask[0, y] = true;
        }

        for (int y = 95; y < 100; y++)
        {
            mask[0, y] = true;
        }

        Assert.Equal("X1b15cN", RleCodec.Encode(mask).Counts);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Encode_RandomMask_RoundTrips(ulong seed)
    {
        BinaryMask a = Random(seed, 53, 31), b = Random(seed + 100, 53, 31);
        RleMask rleA = RleCodec.Encode(a), rleB = RleCodec.Encode(b);

        Assert.Equal(a.Bits.ToArray(), RleCodec.Decode(rleA).Bits.ToArray());
        Assert.Equal(a.Area, RleCodec.Area(rleA));
        Assert.Equal(a.Box, RleCodec.Box(rleA));
        Assert.Equal(BinaryMask.Iou(a, b), RleCodec.Iou(rleA, rleB), 12);
        Assert.Equal(1, RleCodec.Iou(rleA, rleA));
    }

    [Fact]
    public void Encode_FullAndEmpty_RoundTrip()
    {
        var empty = new BinaryMask(4, 3);
        var full = new BinaryMask(4, 3);
        full.Bits.Fill(1);

        Assert.Equal(0, RleCodec.Area(RleCodec.Encode(empty)));
        Assert.Equal(12, RleCodec.Area(RleCodec.Encode(full)));
        Assert.Equal(0, RleCodec.Iou(RleCodec.Encode(empty), RleCodec.Encode(full)));
        Assert.Equal(1, RleCodec.Iou(RleCodec.Encode(empty), RleCodec.Encode(empty)));
        Assert.Equal(default, empty.Box);
    }

    [Theory]
    [InlineData("")]
    [InlineData("9999")]
    [InlineData("4")]
    [InlineData("ooooooooooooo")]
    [InlineData("4~4")]
    [InlineData("4 4")]
    [InlineData("Oo")]
    public void Decode_Damaged_IsRefused(string counts)
    {
        PixException error = Assert.Throws<PixException>(() => RleCodec.Decode(new RleMask(3, 3, counts)));

        Assert.Equal(PixErrorKind.InvalidPicture, error.Kind);
    }

    [Fact]
    public void Decode_HugeSize_IsRefusedBeforeAllocation()
    {
        Assert.Throws<PixException>(() => RleCodec.Decode(new RleMask(100_000, 100_000, "0")));
    }

    private static BinaryMask Random(ulong seed, int width, int height)
    {
        var random = new SeededRandom(seed);
        var mask = new BinaryMask(width, height);
        double level = random.NextDouble();
        for (int i = 0; i < mask.Bits.Length; i++)
        {
            level = random.NextBool(0.1) ? random.NextDouble() : level;
            mask.Bits[i] = random.NextBool(level) ? (byte)1 : (byte)0;
        }

        return mask;
    }
}
