namespace PixSearch.Inference.Engine;

/// <summary>A session's claim on room in an engine between its admission and its start there; see
/// <see cref="EngineLoop.Enter"/>.</summary>
/// <param name="giveBack">Called once.</param>
public sealed class EnginePlace(Action giveBack) : IDisposable
{
    private Action? _giveBack = giveBack;

    /// <summary>Gives the place back; a second time does nothing.</summary>
    public void Dispose() => Interlocked.Exchange(ref _giveBack, null)?.Invoke();
}
