namespace PixSearch.Tensors;

public sealed unsafe partial class CpuBackend
{
    // Rows of a piece are a multiple of this: a whole number of panels of every kernel set.
    private const int PanelRowsMax = 64;

    /// <inheritdoc/>
    public override Weight Load(string name, Shape shape, WeightType? packed, WeightReader read)
    {
        if (packed is not { } type || shape.Rank != 2 || shape.Count == 0)
        {
            return base.Load(name, shape, packed, read);
        }

        (int output, int input) = (shape[0], shape[1]);
        NativeStorage storage = Memory.Rent((_kernels.PackedBytes(type, output, input) + 3) / sizeof(float));
        var panels = new PackedWeight(_kernels, type, storage);
        try
        {
            PackInPieces(panels, output, input, read);
        }
        catch
        {
            panels.Dispose();
            throw;
        }

        return new Weight(name, shape, type, panels);
    }

    // Panels hold whole rows of the weight, one panel after the other: a piece of rows packs by itself.
    private void PackInPieces(PackedWeight panels, int output, int input, WeightReader read)
    {
        int rowsEach = Math.Max(1, LoadElements / input / PanelRowsMax) * PanelRowsMax;
        using Scratch piece = new(Memory, (long)Math.Min(rowsEach, output) * input);
        for (int row = 0; row < output; row += rowsEach)
        {
            int rows = Math.Min(rowsEach, output - row);
            read((long)row * input, new Span<float>(piece.Pointer, rows * input));
            _kernels.Pack(_context, panels.Type, piece.Pointer, rows, input,
                panels.Panels + _kernels.PackedBytes(panels.Type, row, input));
        }
    }
}
