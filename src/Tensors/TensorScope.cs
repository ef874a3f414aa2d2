namespace PixSearch.Tensors;

/// <summary>
/// Disposes the tensors that its thread made since it was opened: <c>using var scope = new TensorScope();</c>.
/// Scopes nest; a
/// tensor that must outlive the scope is handed out with <see cref="Keep"/>. Not for use across an <c>await</c>.
/// </summary>
public sealed class TensorScope : IDisposable
{
    [ThreadStatic]
    private static TensorScope? s_current;

    [ThreadStatic]
    private static TensorScope? s_spare;

    private readonly List<Tensor> _tensors;
    private readonly TensorScope? _outer;
    private bool _closed;

    /// <summary>Opens a scope on this thread.</summary>
    public TensorScope()
    {
        // The list of the scope closed last is reused, so that a steady step allocates nothing for it.
        _tensors = s_spare?._tensors ?? [];
        s_spare = null;
        _outer = s_current;
        s_current = this;
    }

    /// <summary>The innermost open scope of this thread.</summary>
    public static TensorScope? Current => s_current;

    /// <summary>Number of tensors that the scope will dispose.</summary>
    public int Count => _tensors.Count;

    /// <summary>Moves a tensor to the enclosing scope, or out of all scopes, and returns it.</summary>
    public Tensor Keep(Tensor tensor)
    {
        int index = _tensors.LastIndexOf(tensor);
        if (index >= 0)
        {
            _tensors.RemoveAt(index);
            _outer?.Add(tensor);
        }

        return tensor;
    }

    /// <summary>Takes a tensor out of every scope of this thread: its holder disposes it.</summary>
    public static Tensor Detach(Tensor tensor)
    {
        for (TensorScope? scope = s_current; scope is not null; scope = scope._outer)
        {
            int index = scope._tensors.LastIndexOf(tensor);
            if (index >= 0)
            {
                scope._tensors.RemoveAt(index);
                break;
            }
        }

        return tensor;
    }

    /// <summary>Disposes what was made and not kept. Scopes close in the reverse order of opening.</summary>
    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        if (s_current != this)
        {
            throw new InvalidOperationException(
                "Tensor scopes must close in the reverse order of opening, on one thread.");
        }

        _closed = true;
        s_current = _outer;
        foreach (Tensor tensor in _tensors)
        {
            tensor.Dispose();
        }

        _tensors.Clear();
        s_spare = this;
    }

    internal void Add(Tensor tensor) => _tensors.Add(tensor);
}
