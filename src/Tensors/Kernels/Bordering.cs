namespace PixSearch.Tensors;

/// <summary>Planes with a border of zeros: what a convolution with padding reads.</summary>
internal unsafe struct Bordering : IJob
{
    // Some 10 us of copying.
    private const int TaskElements = 32768;

    private float* _x;
    private float* _y;
    private int _planes;
    private int _planesEach;
    private int _height;
    private int _width;
    private int _border;

    /// <summary>Floats of the planes with their borders.</summary>
    public static long Count(int planes, int height, int width, int border) =>
        (long)planes * (height + (2 * border)) * (width + (2 * border));

    /// <summary>Copies. Shapes: x [planes, height, width], y [planes, height + 2 border, width + 2 border].</summary>
    public static void Run(WorkerPool pool, float* x, int planes, int height, int width, int border, float* y)
    {
        int each = Math.Max(1, TaskElements / Math.Max(1, height * width));
        var job = new Bordering
        {
            _x = x,
            _y = y,
            _planes = planes,
            _planesEach = each,
            _height = height,
            _width = width,
            _border = border,
        };
        pool.Run(job, (planes + each - 1) / each);
    }

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        int end = Math.Min((index + 1) * _planesEach, _planes);
        int across = _width + (2 * _border);
        for (int plane = index * _planesEach; plane < end; plane++)
        {
            float* x = _x + ((long)plane * _height * _width);
            float* y = _y + ((long)plane * (_height + (2 * _border)) * across);

            // From the end of one line to the begin of the next there are two borders.
            new Span<float>(y, (_border * across) + _border).Clear();
            y += (_border * across) + _border;
            for (int row = 0; row < _height; row++, x += _width, y += across)
            {
                new ReadOnlySpan<float>(x, _width).CopyTo(new Span<float>(y, _width));
                new Span<float>(y + _width, row < _height - 1 ? 2 * _border : (_border * across) + _border).Clear();
            }
        }
    }
}
