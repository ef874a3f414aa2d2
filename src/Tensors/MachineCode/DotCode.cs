using System.Runtime.Intrinsics.X86;

namespace PixSearch.Tensors;

/// <summary>
/// Tile kernels of products with BF16 and Q8 weights as machine code that is written at start: their dot products of
/// pairs (vdpbf16ps, 512-bit vpdpwssd) do the work of two multiply-adds, and .NET 10 has no call for them.
/// </summary>
/// <remarks>
/// A kernel computes the sums [height, 32] of a tile of rows and a panel. Arguments, in the System V calling
/// convention: the tile, the panel, a count (at least 1) and the sums. It keeps no state, calls nothing and touches no
/// other memory. The readable twins: <see cref="QuantisedKernel"/>, and for BF16 the formula in <c>DotCodeTests</c>.
/// </remarks>
internal sealed unsafe class DotCode
{
    /// <summary>Pairs of k that a BF16 kernel takes at a time.</summary>
    public const int StepPairs = 4;

    private const int Columns = 32;
    private const int HeightMax = 12;
    private const int VectorBytes = 64;

    // Blocks of QuantisedRows and QuantisedPanels.
    private const int BlockPairs = Q8Block.Size / 2;
    private const int HeaderBytes = Columns * sizeof(ushort);
    private const int PairBytesQ8 = 2 * Columns;
    private const int PairBytesBF16 = 4 * Columns;

    // Bytes of a panel that are asked for in advance: what memory brings in some 300 ns.
    private const int AheadQ8 = 12 << 10;
    private const int AheadBF16 = 8 << 10;

    // Vector registers: two for the panel, four for rows in turn, two for scales, all others for sums.
    private const int Left = 0;
    private const int Right = 1;
    private const int FirstRow = 2;
    private const int RowRegisters = 4;
    private const int ScaleLeft = 6;
    private const int ScaleRight = 7;
    private const int FirstSum = 8;
    private const int SumRegisters = 24;

    // General registers: the four arguments.
    private const Assembler.Gpr Tile = Assembler.Gpr.Rdi;
    private const Assembler.Gpr Panel = Assembler.Gpr.Rsi;
    private const Assembler.Gpr Count = Assembler.Gpr.Rdx;
    private const Assembler.Gpr Sums = Assembler.Gpr.Rcx;

    private static readonly int[] s_heights = [1, 2, 4, 6, 8, 12];

    private readonly nint[] _q8 = new nint[HeightMax + 1];
    private readonly nint[] _bf16 = new nint[HeightMax + 1];

    private DotCode(bool hasBF16) => HasBF16 = hasBF16;

    /// <summary>
    /// The kernels of this process; null where the processor lacks AVX512-VNNI, on Windows (another calling
    /// convention), or where the operating system allows no such memory.
    /// </summary>
    public static DotCode? Instance { get; } = Open();

    /// <summary>Whether there are BF16 kernels: where they are faster than multiply-adds of F32.</summary>
    public bool HasBF16 { get; }

    /// <summary>The Q8 kernel of a height (1, 2, 4, 6, 8 or 12); its count is of blocks of 32.</summary>
    public delegate* unmanaged[SuppressGCTransition]<float*, byte*, nint, float*, void> Q8(int height) =>
        (delegate* unmanaged[SuppressGCTransition]<float*, byte*, nint, float*, void>)_q8[height];

    /// <summary>
    /// The BF16 kernel of a height (1, 2, 4, 6, 8 or 12); its count is of <see cref="StepPairs"/> pairs.
    /// </summary>
    public delegate* unmanaged[SuppressGCTransition]<float*, byte*, nint, float*, void> BF16(int height) =>
        (delegate* unmanaged[SuppressGCTransition]<float*, byte*, nint, float*, void>)_bf16[height];

    private static DotCode? Open()
    {
        if (OperatingSystem.IsWindows() || !Avx512BW.IsSupported || !X86Base.X64.IsSupported)
        {
            return null;
        }

        const int vnni = 1 << 11;
        const int bf16 = 1 << 5;
        if ((X86Base.CpuId(7, 0).Ecx & vnni) == 0)
        {
            return null;
        }

        // Zen does two vdpbf16ps a cycle, twice the work of two multiply-adds; Sapphire Rapids was measured at half of
        // them (86 against 177 GFLOP/s a core).
        const int amd = 0x68747541; // "Auth" of AuthenticAMD
        var dots = new DotCode((X86Base.CpuId(7, 1).Eax & bf16) != 0 && X86Base.CpuId(0, 0).Ebx == amd);
        var code = new Assembler();
        foreach (int height in s_heights)
        {
            code.Align(VectorBytes);
            dots._q8[height] = code.Position;
            WriteQ8(code, height);
            code.Align(VectorBytes);
            dots._bf16[height] = code.Position;
            WriteBF16(code, height);
        }

        nint start = (nint)CodeMemory.Place(code.ToArray());
        foreach (int height in s_heights)
        {
            dots._q8[height] += start;
            dots._bf16[height] += start;
        }

        return start == 0 ? null : dots;
    }

    // Integer sums of a block of 32 in registers, several sets of them where rows are few, so that additions do not
    // wait for each other; after a block they are scaled and added to the sums, which are in registers too if they fit.
    private static void WriteQ8(Assembler code, int height)
    {
        int count = 2 * height;
        bool fits = height <= 4;
        int sets = Math.Min(4, (SumRegisters - (fits ? count : 0)) / count);
        int first = fits ? FirstSum + count : FirstSum;
        code.Zero(FirstSum);
        for (int i = 0; i < count; i++)
        {
            if (fits)
            {
                code.Zero(FirstSum + i);
            }
            else
            {
                code.Store(FirstSum, Sums, i * VectorBytes);
            }
        }

        code.Align(VectorBytes);
        int start = code.Position;
        for (int i = 0; i < count * sets; i++)
        {
            code.Zero(first + i);
        }

        code.Prefetch(Panel, AheadQ8);
        for (int pair = 0; pair < BlockPairs; pair++)
        {
            int from = HeaderBytes + (pair * PairBytesQ8);
            code.Prefetch(Panel, from + AheadQ8);
            code.LoadBytesAsShorts(Left, Panel, from);
            code.LoadBytesAsShorts(Right, Panel, from + (PairBytesQ8 / 2));
            for (int row = 0; row < height; row++)
            {
                int x = FirstRow + (row % RowRegisters);
                int sum = first + (2 * (((pair % sets) * height) + row));
                code.Broadcast(x, Tile, ((pair * height) + row) * sizeof(float));
                code.DotShorts(sum, Left, x);
                code.DotShorts(sum + 1, Right, x);
            }
        }

        for (int i = count; i < count * sets; i++)
        {
            int sum = first + (i % count);
            code.AddIntegers(sum, sum, first + i);
        }

        // BF16 scales: the lower and the upper halves of 16 words.
        code.Load(ScaleRight, Panel, 0);
        code.ShiftLeft16(ScaleLeft, ScaleRight);
        code.ShiftRight16(ScaleRight, ScaleRight);
        code.ShiftLeft16(ScaleRight, ScaleRight);
        for (int i = 0; i < count; i++)
        {
            int sum = first + i;
            int scale = i % 2 == 0 ? ScaleLeft : ScaleRight;
            code.ToFloats(sum, sum);
            if (fits)
            {
                code.AddProduct(FirstSum + i, sum, scale);
            }
            else
            {
                code.MultiplyAdd(sum, scale, Sums, i * VectorBytes);
                code.Store(sum, Sums, i * VectorBytes);
            }
        }

        code.Add(Tile, BlockPairs * height * sizeof(float));
        code.Add(Panel, HeaderBytes + (BlockPairs * PairBytesQ8));
        code.LoopUntilZero(Count, start);
        for (int i = 0; i < count && fits; i++)
        {
            code.Store(FirstSum + i, Sums, i * VectorBytes);
        }

        code.Return();
    }

    private static void WriteBF16(Assembler code, int height)
    {
        for (int i = 0; i < 2 * height; i++)
        {
            code.Zero(FirstSum + i);
        }

        code.Align(VectorBytes);
        int start = code.Position;
        for (int pair = 0; pair < StepPairs; pair++)
        {
            int from = pair * PairBytesBF16;
            code.Prefetch(Panel, from + AheadBF16);
            code.Prefetch(Panel, from + VectorBytes + AheadBF16);
            code.Load(Left, Panel, from);
            code.Load(Right, Panel, from + VectorBytes);
            for (int row = 0; row < height; row++)
            {
                int x = FirstRow + (row % RowRegisters);
                code.Broadcast(x, Tile, ((pair * height) + row) * sizeof(float));
                code.DotBF16(FirstSum + (2 * row), Left, x);
                code.DotBF16(FirstSum + (2 * row) + 1, Right, x);
            }
        }

        code.Add(Tile, StepPairs * height * sizeof(float));
        code.Add(Panel, StepPairs * PairBytesBF16);
        code.LoopUntilZero(Count, start);
        for (int i = 0; i < 2 * height; i++)
        {
            code.Store(FirstSum + i, Sums, i * VectorBytes);
        }

        code.Return();
    }
}
