using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Sam;

/// <summary>
/// SAM's random Fourier positions: a point (x, y) in [0,1] becomes <c>[sin(a), cos(a)]</c> with
/// <c>a = 2 pi (2 (x, y) - 1) G</c>. G is checkpoint data and is never trained. Weight:
/// <c>positional_encoding_gaussian_matrix [2, channels / 2]</c>.
/// </summary>
public sealed class GaussianPositions
{
    private readonly Weight _matrix;
    private readonly int _half;
    private float[]? _numbers;
    private (int Height, int Width, float[] Numbers) _grid;

    /// <summary>Positions of <paramref name="channels"/> channels.</summary>
    public GaussianPositions(WeightScope weights, int channels)
    {
        _half = channels / 2;
        _matrix = weights.Get("positional_encoding_gaussian_matrix", new Shape(2, _half), WeightInit.Buffer(1));
    }

    /// <summary>Codes of the centres of a grid's cells. Shape: [1, channels, height, width].</summary>
    public Tensor Grid(IBackend backend, int height, int width)
    {
        var shape = new Shape(1, 2 * _half, height, width);
        if (_grid.Numbers is not null && _grid.Height == height && _grid.Width == width)
        {
            return backend.From(_grid.Numbers, shape);
        }

        float[] numbers = new float[shape.Count];
        int cells = height * width;
        float[] code = new float[2 * _half];
        for (int cell = 0; cell < cells; cell++)
        {
            Encode(backend, ((cell % width) + 0.5f) / width, ((cell / width) + 0.5f) / height, code);
            for (int c = 0; c < code.Length; c++)
            {
                numbers[(c * cells) + cell] = code[c];
            }
        }

        _grid = (height, width, numbers);
        return backend.From(numbers, shape);
    }

    /// <summary>Code of one point; x and y as fractions of the picture's side.</summary>
    /// <param name="backend">Where the matrix lies.</param>
    /// <param name="x">Horizontal, 0..1.</param>
    /// <param name="y">Vertical, 0..1.</param>
    /// <param name="code">Receives the channels.</param>
    public void Encode(IBackend backend, float x, float y, Span<float> code)
    {
        if (_numbers is null)
        {
            using var scope = new TensorScope();
            _numbers = new float[2 * _half];
            backend.Read(backend.Use(_matrix), _numbers);
        }

        (x, y) = ((2 * x) - 1, (2 * y) - 1);
        for (int j = 0; j < _half; j++)
        {
            (code[j], code[j + _half]) = MathF.SinCos(2 * MathF.PI * ((x * _numbers[j]) + (y * _numbers[j + _half])));
        }
    }
}
