namespace PixSearch.Tensors.Tests;

/// <summary>Instructions against the bytes that the GNU assembler writes for them.</summary>
public sealed class AssemblerTests
{
    [Fact]
    public void Instructions_LowAndHighRegisters_AreThoseOfTheGnuAssembler()
    {
        Check(code => code.Zero(31), "62 01 05 40 EF FF");
        Check(code => code.Load(1, Assembler.Gpr.Rsi, 64), "62 F1 7C 48 10 4E 01");
        Check(code => code.Load(17, Assembler.Gpr.Rsi, 0x2001), "62 E1 7C 48 10 8E 01 20 00 00");
        Check(code => code.Store(30, Assembler.Gpr.Rcx, -128), "62 61 7C 48 11 71 FE");
        Check(code => code.LoadBytesAsShorts(0, Assembler.Gpr.Rsi, 32), "62 F2 7D 48 20 46 01");
        Check(code => code.Broadcast(5, Assembler.Gpr.Rdi, 4), "62 F2 7D 48 58 6F 01");
        Check(code => code.Broadcast(21, Assembler.Gpr.Rdi, 0x200), "62 E2 7D 48 58 AF 00 02 00 00");
        Check(code => code.DotShorts(31, 1, 5), "62 62 75 48 52 FD");
        Check(code => code.DotShorts(8, 17, 18), "62 32 75 40 52 C2");
        Check(code => code.DotBF16(30, 0, 5), "62 62 7E 48 52 F5");
        Check(code => code.AddIntegers(10, 9, 24), "62 11 35 48 FE D0");
        Check(code => code.ToFloats(30, 31), "62 01 7C 48 5B F7");
        Check(code => code.AddProduct(8, 31, 6), "62 72 05 40 B8 C6");
        Check(code => code.MultiplyAdd(31, 1, Assembler.Gpr.Rcx, 64), "62 62 75 48 A8 79 01");
        Check(code => code.ShiftLeft16(22, 7), "62 F1 4D 40 72 F7 10");
        Check(code => code.ShiftRight16(7, 23), "62 B1 45 48 72 D7 10");
        Check(code => code.Prefetch(Assembler.Gpr.Rsi, 0x3000), "0F 18 8E 00 30 00 00");
        Check(code => code.Add(Assembler.Gpr.Rdi, 0x12345), "48 81 C7 45 23 01 00");
        Check(code => code.LoopUntilZero(Assembler.Gpr.Rdx, 0), "48 FF CA 0F 85 F7 FF FF FF");
        Check(code => code.Return(), "C5 F8 77 C3");
    }

    [Fact]
    public void Align_SomeBytes_FillsUpWithNothing()
    {
        var code = new Assembler();
        code.Return();
        code.Align(8);
        Assert.Equal(8, code.Position);
        code.Align(8);
        Assert.Equal("C5 F8 77 C3 90 90 90 90", Text(code));
    }

    private static void Check(Action<Assembler> write, string expected)
    {
        var code = new Assembler();
        write(code);
        Assert.Equal(expected, Text(code));
    }

    private static string Text(Assembler code) => string.Join(' ', code.ToArray().Select(b => $"{b:X2}"));
}
