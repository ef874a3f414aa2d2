using PixSearch.Tensors;

namespace PixSearch.Models.Text;

/// <summary>Divides rows into text and picture and puts them together again in their order.</summary>
internal sealed class RowSplit
{
    private readonly int[] _text;
    private readonly int[] _picture;
    private readonly int[] _order;

    public RowSplit(int rows, IReadOnlyList<int> pictureRows)
    {
        _picture = [.. pictureRows];
        var text = new List<int>();
        _order = new int[rows];
        Array.Fill(_order, -1);
        for (int i = 0; i < _picture.Length; i++)
        {
            _order[_picture[i]] = i;
        }

        // After joining, text rows come first: a picture's row i then stands at (number of text rows) + i.
        int texts = rows - _picture.Length;
        for (int row = 0; row < rows; row++)
        {
            if (_order[row] >= 0)
            {
                _order[row] += texts;
            }
            else
            {
                _order[row] = text.Count;
                text.Add(row);
            }
        }

        _text = [.. text];
    }

    /// <summary>[batch, tokens, width] -> [1, text rows, width], [1, picture rows, width].</summary>
    public (Tensor Text, Tensor Picture) Divide(IBackend backend, Tensor x)
    {
        Tensor flat = backend.Reshape(x, new Shape(_order.Length, x.Size(2)));
        return (Take(backend, flat, _text), Take(backend, flat, _picture));
    }

    /// <summary>The inverse of <see cref="Divide"/>; the width may be another.</summary>
    public Tensor Join(IBackend backend, Tensor text, Tensor picture, int batch, int tokens)
    {
        Tensor both = backend.Concat(1, text, picture);
        int width = both.Size(2);
        Tensor ordered = backend.Gather(backend.Reshape(both, new Shape(_order.Length, width)), _order);
        return backend.Reshape(ordered, new Shape(batch, tokens, width));
    }

    private static Tensor Take(IBackend backend, Tensor flat, int[] rows) =>
        backend.Reshape(backend.Gather(flat, rows), new Shape(1, rows.Length, flat.Size(1)));
}
