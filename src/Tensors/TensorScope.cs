namespace PixSearch.Tensors;

/// <summary>
/// Disposes the tensors that its thread made since it was opened: <c>using var scope = new TensorScope();</c>.
/// Scopes nest; a tensor that must outlive the scope is handed out with <see cref="Keep"/>. Not for use across an
/// <c>await</c>.
/// </summary>
/// <remarks>
/// A scope opened by <see cref="Recycling"/>, and every scope inside of it, uses the objects of its tensors again once
/// they are disposed, so that a steady loop allocates nothing. A reference held beyond such a scope would one day be
/// another tensor: what must live longer is kept or detached, as it must be anyway.
/// </remarks>
public readonly record struct TensorScope : IDisposable
{
    // More than any model makes in one layer, which is the innermost scope of a step.
    private const int SparesMax = 1024;

    [ThreadStatic]
    private static Frame? s_current;

    [ThreadStatic]
    private static Frame? s_idle;

    [ThreadStatic]
    private static Stack<Tensor>? s_spares;

    private readonly Frame _frame;
    private readonly long _opening;

    /// <summary>Opens a scope on this thread; it recycles when the one around it does.</summary>
    public TensorScope()
        : this(s_current is { Recycles: true })
    {
    }

    private TensorScope(bool recycles)
    {
        // Frames are used again, so that a steady step allocates nothing for them.
        Frame frame = s_idle ?? new Frame();
        s_idle = frame.Outer;
        (frame.Outer, frame.Recycles) = (s_current, recycles);
        s_current = frame;
        (_frame, _opening) = (frame, ++frame.Openings);
    }

    /// <summary>Number of tensors that the scope will dispose.</summary>
    public int Count => IsOpen ? _frame.Tensors.Count : 0;

    private bool IsOpen => _frame.Openings == _opening;

    /// <summary>Opens a scope that uses the objects of its tensors again. For loops that must not allocate.</summary>
    public static TensorScope Recycling() => new(recycles: true);

    /// <summary>Moves a tensor to the enclosing scope, or out of all scopes, and returns it.</summary>
    public Tensor Keep(Tensor tensor)
    {
        int index = _frame.Tensors.LastIndexOf(tensor);
        if (index >= 0)
        {
            _frame.Tensors.RemoveAt(index);
            _frame.Outer?.Tensors.Add(tensor);
        }

        return tensor;
    }

    /// <summary>Takes a tensor out of every scope of this thread: its holder disposes it.</summary>
    public static Tensor Detach(Tensor tensor)
    {
        for (Frame? frame = s_current; frame is not null; frame = frame.Outer)
        {
            int index = frame.Tensors.LastIndexOf(tensor);
            if (index >= 0)
            {
                frame.Tensors.RemoveAt(index);
                break;
            }
        }

        return tensor;
    }

    /// <summary>Disposes what was made and not kept. Scopes close in the reverse order of opening.</summary>
    public void Dispose()
    {
        if (!IsOpen)
        {
            return;
        }

        if (s_current != _frame)
        {
            throw new InvalidOperationException(
                "Tensor scopes must close in the reverse order of opening, on one thread.");
        }

        s_current = _frame.Outer;
        foreach (Tensor tensor in _frame.Tensors)
        {
            tensor.Dispose();
            if (_frame.Recycles && (s_spares ??= new Stack<Tensor>()).Count < SparesMax)
            {
                tensor.Record = null;
                s_spares.Push(tensor);
            }
        }

        _frame.Tensors.Clear();
        _frame.Openings++;
        _frame.Outer = s_idle;
        s_idle = _frame;
    }

    /// <summary>A disposed tensor's object, where the innermost scope recycles and there is one.</summary>
    internal static Tensor? TakeSpare() =>
        s_current is { Recycles: true } && s_spares is { } spares && spares.TryPop(out Tensor? spare) ? spare : null;

    /// <summary>Gives a new tensor to the innermost scope.</summary>
    internal static void Add(Tensor tensor) => s_current?.Tensors.Add(tensor);

    private sealed class Frame
    {
        public List<Tensor> Tensors { get; } = [];

        /// <summary>The enclosing frame while it is open, the next idle one while it is not.</summary>
        public Frame? Outer { get; set; }

        public bool Recycles { get; set; }

        /// <summary>Counts openings and closings: a scope that was closed no longer has its number.</summary>
        public long Openings { get; set; }
    }
}
