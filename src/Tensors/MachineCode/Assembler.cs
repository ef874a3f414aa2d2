namespace PixSearch.Tensors;

/// <summary>
/// Writes x64 machine code: the few 512-bit instructions that <see cref="DotCode"/> needs and .NET 10 has no call for,
/// and what a loop around them takes.
/// </summary>
/// <remarks>
/// Encodings: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, sections 2.1 and 2.7 (EVEX).
/// Vector registers are numbers 0 to 31, general ones as the manual numbers them (<see cref="Gpr"/>).
/// </remarks>
internal sealed class Assembler
{
    private const byte OperandSize64 = 0x48;

    private readonly List<byte> _code = [];

    // EVEX's two fields that select a table of opcodes.
    private enum Map
    {
        M0F = 1,
        M0F38 = 2,
    }

    private enum Prefix
    {
        None,
        P66,
        PF3,
    }

    /// <summary>General registers that need no further prefix bit.</summary>
    public enum Gpr
    {
        /// <summary>Fourth argument.</summary>
        Rcx = 1,

        /// <summary>Third argument.</summary>
        Rdx = 2,

        /// <summary>Second argument.</summary>
        Rsi = 6,

        /// <summary>First argument.</summary>
        Rdi = 7,
    }

    /// <summary>Bytes so far: where the next instruction will lie.</summary>
    public int Position => _code.Count;

    /// <summary>What was written.</summary>
    public byte[] ToArray() => [.. _code];

    /// <summary>Fills up with instructions that do nothing.</summary>
    public void Align(int bytes)
    {
        const byte nop = 0x90;
        while (_code.Count % bytes != 0)
        {
            _code.Add(nop);
        }
    }

    /// <summary>to = 0.</summary>
    public void Zero(int to) => Registers(Map.M0F, Prefix.P66, 0xEF, to, to, to);

    /// <summary>to = 64 bytes at the address.</summary>
    public void Load(int to, Gpr address, int offset) =>
        Memory(Map.M0F, Prefix.None, 0x10, to, 0, address, offset, 64);

    /// <summary>64 bytes at the address = from.</summary>
    public void Store(int from, Gpr address, int offset) =>
        Memory(Map.M0F, Prefix.None, 0x11, from, 0, address, offset, 64);

    /// <summary>to = 32 signed bytes at the address, as 16-bit integers (vpmovsxbw).</summary>
    public void LoadBytesAsShorts(int to, Gpr address, int offset) =>
        Memory(Map.M0F38, Prefix.P66, 0x20, to, 0, address, offset, 32);

    /// <summary>to = the 32 bits at the address, in each lane (vpbroadcastd).</summary>
    public void Broadcast(int to, Gpr address, int offset) =>
        Memory(Map.M0F38, Prefix.P66, 0x58, to, 0, address, offset, 4);

    /// <summary>Each 32-bit lane of sum += x0 y0 + x1 y1, 16-bit integers (vpdpwssd, AVX512-VNNI).</summary>
    public void DotShorts(int sum, int x, int y) => Registers(Map.M0F38, Prefix.P66, 0x52, sum, x, y);

    /// <summary>Each 32-bit lane of sum += x0 y0 + x1 y1, BF16 to F32 (vdpbf16ps, AVX512-BF16).</summary>
    public void DotBF16(int sum, int x, int y) => Registers(Map.M0F38, Prefix.PF3, 0x52, sum, x, y);

    /// <summary>to = the 32-bit integers of from as floats (vcvtdq2ps).</summary>
    public void ToFloats(int to, int from) => Registers(Map.M0F, Prefix.None, 0x5B, to, 0, from);

    /// <summary>to += x y (vfmadd231ps).</summary>
    public void AddProduct(int to, int x, int y) => Registers(Map.M0F38, Prefix.P66, 0xB8, to, x, y);

    /// <summary>to = to x + 64 bytes at the address (vfmadd213ps).</summary>
    public void MultiplyAdd(int to, int x, Gpr address, int offset) =>
        Memory(Map.M0F38, Prefix.P66, 0xA8, to, x, address, offset, 64);

    /// <summary>Each 32-bit lane of to = that of from, moved 16 bits up (vpslld).</summary>
    public void ShiftLeft16(int to, int from) => Shift16(6, to, from);

    /// <summary>Each 32-bit lane of to = that of from, moved 16 bits down (vpsrld).</summary>
    public void ShiftRight16(int to, int from) => Shift16(2, to, from);

    /// <summary>to = x + y, 32-bit integers (vpaddd).</summary>
    public void AddIntegers(int to, int x, int y) => Registers(Map.M0F, Prefix.P66, 0xFE, to, x, y);

    /// <summary>Asks for the line at the address (prefetcht0).</summary>
    public void Prefetch(Gpr address, int offset)
    {
        Emit(0x0F, 0x18, Mod(2, 1, (int)address));
        Int32(offset);
    }

    /// <summary>register += number.</summary>
    public void Add(Gpr register, int number)
    {
        Emit(OperandSize64, 0x81, Mod(3, 0, (int)register));
        Int32(number);
    }

    /// <summary>register -= 1; jumps to the position unless it is zero then.</summary>
    public void LoopUntilZero(Gpr register, int position)
    {
        const int decrement = 1;
        Emit(OperandSize64, 0xFF, Mod(3, decrement, (int)register));
        Emit(0x0F, 0x85);
        Int32(position - (Position + sizeof(int)));
    }

    /// <summary>Leaves the function; upper halves of registers are cleared first, as callers want them.</summary>
    public void Return() => Emit(0xC5, 0xF8, 0x77, 0xC3);

    private static byte Mod(int mod, int reg, int rm) => (byte)((mod << 6) | ((reg & 7) << 3) | (rm & 7));

    private void Shift16(int direction, int to, int from)
    {
        Registers(Map.M0F, Prefix.P66, 0x72, direction, to, from);
        Emit(16);
    }

    private void Registers(Map map, Prefix prefix, byte opcode, int reg, int second, int rm)
    {
        Evex(map, prefix, reg, second, rm);
        Emit(opcode, Mod(3, reg, rm));
    }

    // The offset is one byte in units of what the instruction reads, where it fits, else four.
    private void Memory(Map map, Prefix prefix, byte opcode, int reg, int second, Gpr address, int offset, int unit)
    {
        Evex(map, prefix, reg, second, (int)address);
        if (offset % unit == 0 && offset / unit is >= sbyte.MinValue and <= sbyte.MaxValue)
        {
            Emit(opcode, Mod(1, reg, (int)address), (byte)(sbyte)(offset / unit));
            return;
        }

        Emit(opcode, Mod(2, reg, (int)address));
        Int32(offset);
    }

    // Prefix of four bytes for 512 bits, no mask, no broadcast, W = 0. Register numbers are stored inverted.
    private void Evex(Map map, Prefix prefix, int reg, int second, int rm)
    {
        const int vector512 = 0b_0100_0000;
        int top = (Bit(~reg, 3) << 7) | (Bit(~rm, 4) << 6) | (Bit(~rm, 3) << 5) | (Bit(~reg, 4) << 4);
        Emit(0x62, (byte)(top | (int)map), (byte)(((~second & 15) << 3) | 4 | (int)prefix),
            (byte)(vector512 | (Bit(~second, 4) << 3)));
    }

    private static int Bit(int number, int bit) => (number >> bit) & 1;

    private void Int32(int number) => _code.AddRange(BitConverter.GetBytes(number));

    private void Emit(params ReadOnlySpan<byte> bytes) => _code.AddRange(bytes);
}
