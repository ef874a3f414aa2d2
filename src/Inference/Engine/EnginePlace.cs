namespace PixSearch.Inference.Engine;

/// <summary>A request's claim on room in an engine while it is on its way in, for a session see
/// <see cref="EngineLoop.Enter"/>.</summary>
/// <param name="giveBack">Called once.</param>
public sealed class EnginePlace(Action giveBack) : IDisposable
{
    private Action? _giveBack = giveBack;

    /// <summary>Gives the place back; a second time does nothing.</summary>
    public void Dispose() => Interlocked.Exchange(ref _giveBack, null)?.Invoke();
}
