using PixSearch.Imaging;
using PixSearch.Models;

namespace PixSearch.Inference.Engine;

/// <summary>
/// One encoding per picture and tenant, counted by the sessions that use it; those that nobody uses stay until newer
/// ones push them out, least recently used first. Used by the engine thread.
/// </summary>
internal sealed class ImageCache(ISegmentingModel model, int countMax) : IDisposable
{
    private readonly Dictionary<UInt128, Entry> _entries = [];
    private long _clock;

    /// <summary>Pictures that were encoded.</summary>
    public long Encodings { get; private set; }

    /// <summary>Encodings that are kept.</summary>
    public int Count => _entries.Count;

    /// <summary>References held by sessions; 0 when the engine is idle.</summary>
    public int References => _entries.Values.Sum(entry => entry.References);

    /// <summary>The encoding, made if it is not there; one more reference. True when it had to be made.</summary>
    public bool Take(UInt128 key, RgbImage picture, out IImageEncoding encoding)
    {
        bool made = !_entries.TryGetValue(key, out Entry? entry);
        if (made)
        {
            Trim();
            entry = new Entry(model.EncodeImage(picture));
            _entries[key] = entry;
            Encodings++;
        }

        entry!.References++;
        entry.Used = ++_clock;
        encoding = entry.Encoding;
        return made;
    }

    /// <summary>One reference fewer.</summary>
    public void Release(UInt128 key)
    {
        Entry entry = _entries[key];
        if (--entry.References < 0)
        {
            throw new InvalidOperationException("A picture's encoding was released more often than it was taken.");
        }

        if (entry.References == 0 && _entries.Count > countMax)
        {
            _entries.Remove(key);
            entry.Encoding.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Entry entry in _entries.Values)
        {
            entry.Encoding.Dispose();
        }

        _entries.Clear();
    }

    private void Trim()
    {
        while (_entries.Count >= countMax)
        {
            (UInt128 key, Entry? oldest) = _entries.Where(pair => pair.Value.References == 0)
                .OrderBy(pair => pair.Value.Used).Select(pair => (pair.Key, pair.Value)).FirstOrDefault();
            if (oldest is null)
            {
                return;
            }

            _entries.Remove(key);
            oldest.Encoding.Dispose();
        }
    }

    private sealed class Entry(IImageEncoding encoding)
    {
        public IImageEncoding Encoding { get; } = encoding;

        public int References { get; set; }

        public long Used { get; set; }
    }
}
