using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>The sizes of a tensor, outermost first; 0 to 6 dimensions, held in place (no array is exposed).</summary>
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>Most dimensions.</summary>
    public const int RankMax = 6;

    private readonly Sizes _sizes;

    // Stored less one, so that the default value is the valid scalar shape.
    private readonly int _countLessOne;

    /// <summary>A shape of the given sizes, each at least 0.</summary>
    public Shape(params ReadOnlySpan<int> sizes)
    {
        if (sizes.Length > RankMax)
        {
            throw new ArgumentException($"A tensor has at most {RankMax} dimensions; {sizes.Length} were given.");
        }

        long count = 1;
        for (int i = 0; i < sizes.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(sizes[i]);
            _sizes[i] = sizes[i];
            count *= sizes[i];
        }

        if (count > int.MaxValue)
        {
            throw new ArgumentException($"A tensor holds at most {int.MaxValue} elements; {count} were asked for.");
        }

        Rank = sizes.Length;
        _countLessOne = (int)count - 1;
    }

    /// <summary>Number of dimensions.</summary>
    public int Rank { get; }

    /// <summary>Number of elements (1 for rank 0).</summary>
    public int Count => _countLessOne + 1;

    /// <summary>Size of a dimension; negative counts from the innermost (-1).</summary>
    public int this[int axis]
    {
        get
        {
            int index = axis < 0 ? axis + Rank : axis;
            if ((uint)index >= (uint)Rank)
            {
                throw new ArgumentOutOfRangeException(nameof(axis), axis, $"Shape {this} has no such dimension.");
            }

            return _sizes[index];
        }
    }

    /// <summary>Equal sizes.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Different sizes.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>The shape with one dimension changed.</summary>
    public Shape With(int axis, int size)
    {
        Span<int> sizes = stackalloc int[RankMax];
        CopyTo(sizes);
        sizes[axis < 0 ? axis + Rank : axis] = size;
        return new Shape(sizes[..Rank]);
    }

    /// <summary>Copies the sizes; the destination holds at least <see cref="Rank"/>.</summary>
    public void CopyTo(Span<int> destination)
    {
        for (int i = 0; i < Rank; i++)
        {
            destination[i] = _sizes[i];
        }
    }

    /// <summary>The sizes as a new array.</summary>
    public int[] ToArray()
    {
        int[] sizes = new int[Rank];
        CopyTo(sizes);
        return sizes;
    }

    /// <inheritdoc/>
    public bool Equals(Shape other)
    {
        if (Rank != other.Rank)
        {
            return false;
        }

        for (int i = 0; i < Rank; i++)
        {
            if (_sizes[i] != other._sizes[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        for (int i = 0; i < Rank; i++)
        {
            hash.Add(_sizes[i]);
        }

        return hash.ToHashCode();
    }

    /// <summary>For example <c>[2, 3, 4]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", ToArray())}]";

    [InlineArray(RankMax)]
    private struct Sizes
    {
        private int _first;
    }
}
