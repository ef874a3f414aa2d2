namespace PixSearch.Tensors;

/// <summary>
/// Convolutions as products of matrices whose right side, the patches, is packed panel by panel from the picture and
/// never written whole. A task takes some output pixels (or taps) with all channels, so that a patch is packed once.
/// </summary>
/// <remarks>
/// An element is the sum over slices of <see cref="Gemm.SliceMax"/> at most, in order; neither the cut into tasks nor
/// the number of threads changes it.
/// </remarks>
internal static unsafe class Convolving
{
    // Multiply-adds of a task at least, some 5 us. Tasks of one panel are best where that is enough: several panels of
    // a slice together, so that the filters stay in the first-level cache, were no faster.
    private const long TaskWork = 500_000;

    // Of the way back: elements of a matrix that is folded at once, 256 KB, a quarter of a second-level cache; and
    // tasks at least, so that every thread finds some.
    private const long SpreadElements = 64 << 10;
    private const int SpreadTasksMin = 8;

    /// <summary>One group: y = x * weight + bias.</summary>
    /// <param name="context">Threads and scratch.</param>
    /// <param name="shape">The convolution.</param>
    /// <param name="patches">What it looks at.</param>
    /// <param name="weight">Shape: [GroupOut, GroupIn * kh * kw].</param>
    /// <param name="bias">Shape: [GroupOut]; null for none.</param>
    /// <param name="y">First plane of the group. Shape: [batch, OutChannels, pixels].</param>
    public static void Forward<S, V>(CpuContext context, in ConvShape shape, in ConvPatches<S, V> patches,
        float* weight, float* bias, float* y)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int taps = shape.Taps;
        int slice = Gemm.SliceOf(taps);
        using Scratch left = new(context.Memory, LeftSide<S, V>.Count(shape.GroupOut, taps));
        LeftSide<S, V>.Pack(context.Pool, new GemmOperand(weight, taps, false), shape.GroupOut, taps, slice,
            left.Pointer);
        int panels = Gemm.Panels<S, V>(patches.Pixels);
        int each = PanelsEach((long)shape.GroupOut * taps * 2 * S.Width, panels);
        int scratchEach = Gemm.RoundUp((slice * 2 * S.Width) + ConvPatches<S, V>.PanelSlack, 16);
        using Scratch scratch = new(context.Memory, (long)scratchEach * context.Pool.ThreadCount);
        int tasksEach = (panels + each - 1) / each;
        context.Pool.Run(
            new ConvForwardJob<S, V>
            {
                Patches = patches,
                Left = left.Pointer,
                Bias = bias,
                Y = y,
                Outputs = shape.GroupOut,
                Taps = taps,
                Slice = slice,
                PictureStride = (long)shape.OutChannels * patches.Pixels,
                PanelsEach = each,
                TasksEach = tasksEach,
                Scratch = scratch.Pointer,
                ScratchEach = scratchEach,
            },
            shape.Batch * tasksEach);
    }

    /// <summary>One group: dWeight += dy times the transposed patches.</summary>
    /// <param name="context">Threads and scratch.</param>
    /// <param name="shape">The convolution.</param>
    /// <param name="patches">What it looks at.</param>
    /// <param name="dy">First plane of the group. Shape: [batch, OutChannels, pixels].</param>
    /// <param name="dWeight">Shape: [GroupOut, GroupIn * kh * kw].</param>
    public static void WeightGradient<S, V>(CpuContext context, in ConvShape shape, in ConvPatches<S, V> patches,
        float* dy, float* dWeight)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int pixels = shape.Batch * patches.Pixels;
        int slice = Gemm.SliceOf(pixels);
        using Scratch left = new(context.Memory, LeftSide<S, V>.Count(shape.GroupOut, pixels));
        LeftSide<S, V>.PackPlanes(context.Pool, dy, (long)shape.OutChannels * patches.Pixels, patches.Pixels,
            shape.GroupOut, pixels, slice, left.Pointer);
        int panels = Gemm.Panels<S, V>(shape.Taps);
        int each = PanelsEach((long)shape.GroupOut * pixels * 2 * S.Width, panels);
        int scratchEach = slice * 2 * S.Width;
        using Scratch scratch = new(context.Memory, (long)scratchEach * context.Pool.ThreadCount);
        context.Pool.Run(
            new ConvWeightJob<S, V>
            {
                Patches = patches,
                Left = left.Pointer,
                Gradient = dWeight,
                Outputs = shape.GroupOut,
                Taps = shape.Taps,
                Pixels = pixels,
                Slice = slice,
                PanelsEach = each,
                Scratch = scratch.Pointer,
                ScratchEach = scratchEach,
            },
            (panels + each - 1) / each);
    }

    /// <summary>
    /// One group of the way back: x += (or, where patches lie apart, x =) weight^T y + bias, spread over the pictures.
    /// </summary>
    /// <param name="context">Threads and scratch.</param>
    /// <param name="shape">The convolution whose transpose this is.</param>
    /// <param name="y">First plane of the group. Shape: [batch, OutChannels, pixels].</param>
    /// <param name="weight">Shape: [GroupOut, GroupIn * kh * kw].</param>
    /// <param name="bias">Shape: [GroupIn], only where <see cref="ConvShape.IsApart"/>; null for none.</param>
    /// <param name="x">First plane of the group. Shape: [batch, InChannels, InHeight, InWidth].</param>
    public static void Spread<S, V>(CpuContext context, in ConvShape shape, float* y, float* weight, float* bias,
        float* x)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        int slice = Gemm.SliceOf(shape.GroupOut);
        using Scratch left = new(context.Memory, LeftSide<S, V>.Count(shape.Taps, shape.GroupOut));
        LeftSide<S, V>.Pack(context.Pool, new GemmOperand(weight, shape.Taps, true), shape.Taps, shape.GroupOut, slice,
            left.Pointer);
        int panels = Gemm.Panels<S, V>(shape.OutHeight * shape.OutWidth);

        // Where patches overlap, one task adds all of a picture in order.
        int each = !shape.IsApart
            ? panels
            : PanelsEach((long)shape.GroupOut * shape.Taps * 2 * S.Width, panels);
        int rows = Gemm.RoundUp(shape.Taps, S.TileRows);
        int together = (int)Math.Clamp(SpreadElements / ((long)rows * 2 * S.Width), 1, panels);
        if (shape.IsApart)
        {
            each = Math.Max(each, Math.Min(together, (shape.Batch * panels) / SpreadTasksMin));
        }

        together = Math.Min(together, each);
        int scratchEach = (slice + (rows * together)) * 2 * S.Width;
        using Scratch scratch = new(context.Memory, (long)scratchEach * context.Pool.ThreadCount);
        int tasksEach = (panels + each - 1) / each;
        context.Pool.Run(
            new ConvSpreadJob<S, V>
            {
                Shape = shape,
                Left = left.Pointer,
                Bias = bias,
                Y = y,
                X = x,
                Slice = slice,
                PanelsEach = each,
                PanelsTogether = together,
                TasksEach = tasksEach,
                Scratch = scratch.Pointer,
                ScratchEach = scratchEach,
            },
            shape.Batch * tasksEach);
    }

    private static int PanelsEach(long panelWork, int panels) =>
        (int)Math.Clamp((TaskWork + panelWork - 1) / Math.Max(1, panelWork), 1, panels);
}
