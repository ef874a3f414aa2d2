using PixSearch.Tensors;

namespace PixSearch.Autodiff;

/// <summary>
/// A tensor's place in the recorded computation; hangs on <see cref="Tensor.Record"/>. The gradient lives here only
/// between the entry that first adds to it and the entry that consumes it.
/// </summary>
internal sealed class GradientNode(AutodiffBackend owner, Weight? weight = null, bool isLeaf = false)
{
    /// <summary>The backend that recorded it; nodes of another one are constants to this one.</summary>
    public AutodiffBackend Owner { get; } = owner;

    /// <summary>Set for a weight: gradients go to the weight's accumulator at once.</summary>
    public Weight? Weight { get; } = weight;

    /// <summary>True for a tensor that the caller asked to follow: its gradient stays until the tape is
    /// cleared.</summary>
    public bool IsLeaf { get; } = isLeaf;

    /// <summary>What has been added so far; null for nothing.</summary>
    public Tensor? Gradient { get; set; }

    /// <summary>False while the gradient shares memory with another node's, which must not be added into.</summary>
    public bool IsOwned { get; set; }

    /// <summary>Gives the gradient's memory back.</summary>
    public void Release()
    {
        Gradient?.Dispose();
        Gradient = null;
    }
}

/// <summary>One recorded operation.</summary>
/// <param name="Name">The operation, for messages and timing.</param>
/// <param name="Output">Where the gradient of the result arrives.</param>
/// <param name="Backward">Passes the gradient of the result on to the sources.</param>
/// <param name="Saved">The tape's own references to what <paramref name="Backward"/> reads.</param>
internal sealed record TapeEntry(string Name, GradientNode Output, Action<Tensor> Backward, Tensor[] Saved);
