using PixSearch.Tensors;

namespace PixSearch.Autodiff;

/// <summary>Making tensors, and operations that move elements without arithmetic.</summary>
public sealed partial class AutodiffBackend
{
    /// <inheritdoc/>
    public Tensor Empty(Shape shape) => Inner.Empty(shape);

    /// <inheritdoc/>
    public Tensor Zeros(Shape shape) => Inner.Zeros(shape);

    /// <inheritdoc/>
    public Tensor From(ReadOnlySpan<float> elements, Shape shape) => Inner.From(elements, shape);

    /// <inheritdoc/>
    public void Read(Tensor source, Span<float> destination) => Inner.Read(source, destination);

    /// <inheritdoc/>
    /// <remarks>For a trainable weight the result is a leaf: its gradient is the weight's.</remarks>
    public Tensor Use(Weight weight)
    {
        Tensor value = Inner.Use(weight);
        if (!IsTrainable(weight))
        {
            return value;
        }

        Tensor leaf = value.Record is null ? value : value.View(0, value.Shape);
        leaf.Record = new GradientNode(this, weight);
        return leaf;
    }

    /// <inheritdoc/>
    public Tensor Reshape(Tensor x, Shape shape)
    {
        Tensor y = Inner.Reshape(x, shape);
        if (NodeOf(x) is not { } node)
        {
            return y;
        }

        Shape source = x.Shape;
        return Record(nameof(Reshape), y, dy => Pass(node, Inner.Reshape(dy, source)));
    }

    /// <inheritdoc/>
    public Tensor Permute(Tensor x, params ReadOnlySpan<int> axes)
    {
        Tensor y = Inner.Permute(x, axes);
        if (NodeOf(x) is not { } node)
        {
            return y;
        }

        int[] inverse = new int[axes.Length];
        for (int i = 0; i < axes.Length; i++)
        {
            inverse[axes[i]] = i;
        }

        return Record(nameof(Permute), y, dy => Pass(node, Inner.Permute(dy, inverse)));
    }

    /// <inheritdoc/>
    public Tensor Concat(int axis, params ReadOnlySpan<Tensor> parts)
    {
        Tensor y = Inner.Concat(axis, parts);
        var nodes = new GradientNode?[parts.Length];
        int[] sizes = new int[parts.Length];
        bool tracked = false;
        for (int i = 0; i < parts.Length; i++)
        {
            nodes[i] = NodeOf(parts[i]);
            sizes[i] = parts[i].Size(axis);
            tracked |= nodes[i] is not null;
        }

        return !tracked ? y : Record(nameof(Concat), y, dy =>
        {
            int start = 0;
            for (int i = 0; i < nodes.Length; i++)
            {
                if (nodes[i] is not null)
                {
                    Pass(nodes[i], Inner.Slice(dy, axis, start, sizes[i]));
                }

                start += sizes[i];
            }
        });
    }

    /// <inheritdoc/>
    public Tensor Slice(Tensor x, int axis, int start, int length)
    {
        Tensor y = Inner.Slice(x, axis, start, length);
        if (NodeOf(x) is not { } node)
        {
            return y;
        }

        int after = x.Size(axis) - start - length;
        return Record(nameof(Slice), y, dy =>
        {
            // Of several slices only the first to arrive writes the whole gradient.
            if (node.IsOwned && node.Weight is null && node.Gradient is not null)
            {
                Inner.AddIntoSlice(node.Gradient, axis, start, dy);
                return;
            }

            Pass(node, Inner.Pad(dy, axis, start, after));
        });
    }

    /// <inheritdoc/>
    public Tensor Pad(Tensor x, int axis, int before, int after)
    {
        Tensor y = Inner.Pad(x, axis, before, after);
        if (NodeOf(x) is not { } node)
        {
            return y;
        }

        int length = x.Size(axis);
        return Record(nameof(Pad), y, dy => Pass(node, Inner.Slice(dy, axis, before, length)));
    }

    /// <inheritdoc/>
    public Tensor Gather(Tensor table, ReadOnlySpan<int> indices)
    {
        Tensor y = Inner.Gather(table, indices);
        if (NodeOf(table) is not { } node)
        {
            return y;
        }

        int[] rows = indices.ToArray();
        Shape source = table.Shape;
        return Record(nameof(Gather), y, dy =>
        {
            Tensor gradient = Inner.Zeros(source);
            Inner.ScatterAdd(dy, rows, gradient);
            Pass(node, gradient);
        });
    }

    /// <inheritdoc/>
    public Tensor Embedding(Weight table, ReadOnlySpan<int> indices)
    {
        Tensor y = Inner.Embedding(table, indices);
        if (!IsTrainable(table))
        {
            return y;
        }

        int[] rows = indices.ToArray();
        return Record(nameof(Embedding), y, dy => Inner.ScatterAdd(dy, rows, GradientOf(table)));
    }

    /// <inheritdoc/>
    public int[] ArgMax(Tensor x) => Inner.ArgMax(x);
}
