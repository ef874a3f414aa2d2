namespace PixSearch.Gateway.Tenants;

/// <summary>A rate limit: <c>perMinute</c> requests a minute with bursts. Thread-safe.</summary>
internal sealed class TokenBucket
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly double _perSecond;
    private readonly double _burst;
    private double _level;
    private long _stamp;

    internal TokenBucket(int perMinute, int? burst, TimeProvider time)
    {
        _time = time;
        _perSecond = perMinute / 60.0;
        _burst = burst ?? Math.Max(1, perMinute / 10);
        _level = _burst;
        _stamp = time.GetTimestamp();
    }

    /// <summary>Takes one; otherwise says how long until there is one.</summary>
    internal bool TryTake(out TimeSpan wait)
    {
        lock (_gate)
        {
            long now = _time.GetTimestamp();
            _level = Math.Min(_burst, _level + (_time.GetElapsedTime(_stamp, now).TotalSeconds * _perSecond));
            _stamp = now;
            if (_level >= 1)
            {
                _level--;
                wait = default;
                return true;
            }

            wait = TimeSpan.FromSeconds((1 - _level) / _perSecond);
            return false;
        }
    }
}
