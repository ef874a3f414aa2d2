using System.Diagnostics;
using PixSearch.Tensors;

namespace PixSearch.Autodiff;

/// <summary>
/// A backend that records what it is asked to compute and can differentiate it (reverse mode), as a decorator: results
/// are those of the wrapped backend, so a model written for <see cref="IBackend"/> trains without change.
/// </summary>
/// <remarks>
/// <para>An operation is recorded when a source leads back to a trainable weight or a <see cref="Follow"/>ed tensor;
/// all others cost nothing extra. What a backward pass must read again is held by the tape through views of its own,
/// outside all
/// <see cref="TensorScope"/>s: a scope may close before <see cref="Backward"/>, and the memory goes back as soon as the
/// entry was differentiated or the tape is cleared. <see cref="SavedCount"/> tells how much is held.</para>
/// <para>Gradients of weights accumulate over calls of <see cref="Backward"/> until <see cref="ClearGradients"/>.
/// Used by one thread at a time.</para>
/// </remarks>
public sealed partial class AutodiffBackend : IBackend
{
    private readonly List<TapeEntry> _tape = [];
    private readonly List<Tensor> _savedPending = [];
    private readonly List<GradientNode> _leaves = [];
    private readonly Dictionary<Weight, Tensor> _gradients = [];
    private int _noGradientDepth;
    private TensorStorage? _incoming;
    private long _forwardMark = Stopwatch.GetTimestamp();

    /// <summary>Wraps a backend, which stays the caller's to dispose.</summary>
    public AutodiffBackend(IGradientBackend inner) => Inner = inner;

    /// <summary>The backend that computes.</summary>
    public IGradientBackend Inner { get; }

    /// <inheritdoc/>
    public string Name => $"autodiff({Inner.Name})";

    /// <summary>Number of recorded operations.</summary>
    public int EntryCount => _tape.Count;

    /// <summary>Number of tensors that the tape keeps alive for the backward pass.</summary>
    public int SavedCount => _tape.Sum(entry => entry.Saved.Length) + _savedPending.Count;

    /// <summary>Called after each backward step with the operation's name and its time; null (the default) costs
    /// nothing.</summary>
    public Action<string, TimeSpan>? BackwardTimed { get; set; }

    /// <summary>
    /// Called when an operation is recorded, with the time since the one before (so the little that is not recorded
    /// counts to the next); null (the default) costs nothing.
    /// </summary>
    public Action<string, TimeSpan>? ForwardTimed { get; set; }

    /// <summary>Weights that have a gradient now, in the order in which they first received one.</summary>
    public IReadOnlyCollection<Weight> WeightsWithGradient => _gradients.Keys;

    /// <summary>Marks a tensor so that <see cref="GradientOf(Tensor)"/> can be asked after
    /// <see cref="Backward"/>.</summary>
    public Tensor Follow(Tensor tensor)
    {
        var node = new GradientNode(this, isLeaf: true);
        _leaves.Add(node);
        tensor.Record = node;
        return tensor;
    }

    /// <summary>The same elements cut off from the record: no gradient flows through. A view.</summary>
    public Tensor Detach(Tensor tensor) => tensor.View(0, tensor.Shape);

    /// <summary>Until the result is disposed nothing is recorded. Regions nest.</summary>
    public IDisposable NoGradient()
    {
        _noGradientDepth++;
        return new NoGradientRegion(this);
    }

    /// <summary>True when a gradient would flow to the tensor.</summary>
    public bool IsTracked(Tensor tensor) => NodeOf(tensor) is not null;

    /// <summary>
    /// Runs the tape backwards from a scalar and clears it. Adds <c>seed * dLoss/dWeight</c> to the gradient of each
    /// trainable weight that took part.
    /// </summary>
    /// <param name="loss">One element, computed from something tracked.</param>
    /// <param name="seed">Gradient of the loss: 1, or 1 / micro-batches.</param>
    /// <exception cref="ArgumentException">The loss is not one element, or nothing tracked led to it.</exception>
    public void Backward(Tensor loss, float seed = 1)
    {
        if (loss.Count != 1)
        {
            throw new ArgumentException($"Backward starts from one element; the loss has shape {loss.Shape}.",
                nameof(loss));
        }

        GradientNode root = NodeOf(loss)
            ?? throw new ArgumentException("No trainable weight or followed tensor leads to the loss.", nameof(loss));
        root.Gradient = Hold(Inner.From([seed], loss.Shape));
        root.IsOwned = true;
        try
        {
            for (int i = _tape.Count - 1; i >= 0; i--)
            {
                Differentiate(_tape[i]);
                _tape.RemoveAt(i);
            }
        }
        finally
        {
            ReleaseEntries();
            _forwardMark = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>Gradient of a followed tensor after <see cref="Backward"/>; null when none arrived. Lives until
    /// <see cref="ClearTape"/>.</summary>
    public Tensor? GradientOf(Tensor followed) => (followed.Record as GradientNode)?.Gradient;

    /// <summary>The accumulator of a weight's gradient, zeros when nothing arrived yet. Shape: the weight's.</summary>
    public Tensor GradientOf(Weight weight)
    {
        if (!_gradients.TryGetValue(weight, out Tensor? gradient))
        {
            gradient = TensorScope.Detach(Inner.Zeros(weight.Shape));
            _gradients.Add(weight, gradient);
        }

        return gradient;
    }

    /// <summary>Forgets the gradients of all weights and gives their memory back.</summary>
    public void ClearGradients()
    {
        foreach (Tensor gradient in _gradients.Values)
        {
            gradient.Dispose();
        }

        _gradients.Clear();
    }

    /// <summary>Forgets what was recorded, and the gradients of followed tensors. Needed only when no
    /// <see cref="Backward"/> follows a forward pass.</summary>
    public void ClearTape()
    {
        ReleaseEntries();
        foreach (GradientNode leaf in _leaves)
        {
            leaf.Release();
        }

        _leaves.Clear();
    }

    /// <summary>Gives back everything that the decorator holds; the wrapped backend stays usable.</summary>
    public void Dispose()
    {
        ClearTape();
        ClearGradients();
    }

    // ---- for the operations
    // ------------------------------------------------------------------------------------------------

    private GradientNode? NodeOf(Tensor? tensor) =>
        _noGradientDepth == 0 && tensor?.Record is GradientNode node && node.Owner == this ? node : null;

    private bool IsTrainable(Weight? weight) => _noGradientDepth == 0 && weight is { Trainable: true };

    /// <summary>A reference of the tape's own to a tensor, given back with the entry that is recorded next.</summary>
    private Tensor Save(Tensor tensor)
    {
        Tensor saved = Hold(tensor);
        _savedPending.Add(saved);
        return saved;
    }

    private Tensor Record(string name, Tensor result, Action<Tensor> backward)
    {
        // A wrapped op may hand its source back (a resize to the same size): the source keeps its own node.
        Tensor output = result.Record is null ? result : result.View(0, result.Shape);
        var node = new GradientNode(this);
        output.Record = node;
        _tape.Add(new TapeEntry(name, node, backward, [.. _savedPending]));
        _savedPending.Clear();
        if (ForwardTimed is not null)
        {
            ForwardTimed(name, Stopwatch.GetElapsedTime(_forwardMark));
            _forwardMark = Stopwatch.GetTimestamp();
        }

        return output;
    }

    private void Differentiate(TapeEntry entry)
    {
        if (entry.Output.Gradient is { } gradient)
        {
            long started = BackwardTimed is null ? 0 : Stopwatch.GetTimestamp();
            using var scope = new TensorScope();
            _incoming = gradient.Storage;
            entry.Backward(gradient);
            entry.Output.Release();
            BackwardTimed?.Invoke(entry.Name, Stopwatch.GetElapsedTime(started));
        }

        foreach (Tensor saved in entry.Saved)
        {
            saved.Dispose();
        }
    }

    /// <summary>Adds to a source's gradient; nothing happens for a constant source.</summary>
    private void Pass(GradientNode? node, Tensor gradient)
    {
        if (node is null)
        {
            return;
        }

        if (node.Weight is not null)
        {
            Inner.AddInto(GradientOf(node.Weight), gradient);
        }
        else if (node.Gradient is null)
        {
            // What shares memory with the incoming gradient may go to two sources, and is copied before it is added to.
            node.IsOwned = !ReferenceEquals(gradient.Storage, _incoming);
            node.Gradient = Hold(gradient);
        }
        else if (node.IsOwned)
        {
            Inner.AddInto(node.Gradient, gradient);
        }
        else
        {
            Tensor sum = Hold(Inner.Add(node.Gradient, gradient));
            node.Release();
            node.Gradient = sum;
            node.IsOwned = true;
        }
    }

    private static Tensor Hold(Tensor tensor) => TensorScope.Detach(tensor.View(0, tensor.Shape));

    private void ReleaseEntries()
    {
        foreach (TapeEntry entry in _tape)
        {
            entry.Output.Release();
            foreach (Tensor saved in entry.Saved)
            {
                saved.Dispose();
            }
        }

        foreach (Tensor saved in _savedPending)
        {
            saved.Dispose();
        }

        _tape.Clear();
        _savedPending.Clear();
    }

    private sealed class NoGradientRegion(AutodiffBackend owner) : IDisposable
    {
        private AutodiffBackend? _owner = owner;

        public void Dispose()
        {
            if (_owner is not null)
            {
                _owner._noGradientDepth--;
                _owner = null;
            }
        }
    }
}
