using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using PixSearch.Abstractions;
using PixSearch.Imaging;

namespace PixSearch.Retrieval;

/// <summary>
/// Searches indexes of this process. Text goes to BM25, the whole picture and crops to the vectors. A query may name
/// several indexes ("flags,market"): each is a leg of its own, and their lists are fused (<see cref="RankFusion"/>).
/// Complete results are cached.
/// </summary>
public sealed class IndexRetriever : IRetriever, IDisposable
{
    private readonly IReadOnlyDictionary<string, SearchIndex> _indexes;
    private readonly string _defaultIndex;
    private readonly IRegionEncoder? _encoder;
    private readonly RetrieverOptions _options;
    private readonly TimeProvider _time;
    private readonly ResultCache _cache;
    private readonly SemaphoreSlim _encodes;

    /// <summary>A retriever over open indexes, which it closes in the end. The encoder stays the caller's.</summary>
    /// <param name="indexes">Indexes by name, at least one; built by <paramref name="encoder"/> where they hold
    /// vectors.</param>
    /// <param name="defaultIndex">The name that an empty name stands for.</param>
    /// <param name="encoder">Encodes query pictures; null when only text is searched.</param>
    /// <param name="options">Settings; null for the defaults.</param>
    /// <param name="time">Clock of the deadlines; null for the system's.</param>
    public IndexRetriever(IReadOnlyDictionary<string, SearchIndex> indexes, string defaultIndex,
        IRegionEncoder? encoder,
        RetrieverOptions? options = null, TimeProvider? time = null)
    {
        if (!indexes.ContainsKey(defaultIndex))
        {
            throw new ArgumentException($"The default index {defaultIndex} is not among the indexes.",
                nameof(defaultIndex));
        }

        _options = options ?? new RetrieverOptions();
        _options.Check();
        (_indexes, _defaultIndex, _encoder, _time) = (indexes, defaultIndex, encoder, time ?? TimeProvider.System);
        _cache = new ResultCache(_options.CacheEntriesMax, _options.CacheBytesMax);
        _encodes = new SemaphoreSlim(_options.EncodesMax);
    }

    /// <summary>Opens one index folder; its name is the folder's.</summary>
    /// <exception cref="PixException">As <see cref="SearchIndex.Open"/>.</exception>
    public static IndexRetriever Open(string directory, IRegionEncoder? encoder, RetrieverOptions? options = null,
        TimeProvider? time = null)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)));
        SearchIndex index = SearchIndex.Open(directory, encoder);
        return new IndexRetriever(new Dictionary<string, SearchIndex>(StringComparer.Ordinal) { [name] = index }, name,
            encoder,
            options, time);
    }

    /// <summary>The indexes by name.</summary>
    public IReadOnlyDictionary<string, SearchIndex> Indexes => _indexes;

    /// <summary>The cache, for inspection.</summary>
    public ResultCache Cache => _cache;

    /// <inheritdoc/>
    public async ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation)
    {
        Check(query);
        List<KeyValuePair<string, SearchIndex>> indexes = Resolve(query.Index);
        string key = CacheKey(query, indexes);
        var modality = new KeyValuePair<string, object?>("modality", query.Modality.ToString());
        if (_cache.TryGet(key, out RetrievalResult? cached))
        {
            RetrievalMetrics.Queries.Add(1, modality, new KeyValuePair<string, object?>("outcome", "cached"));
            return cached!;
        }

        long started = _time.GetTimestamp();
        List<SearchLeg> legs = Legs(query, indexes);
        LegOutcome[] outcomes = await Task.WhenAll(legs.Select(leg => leg.RunAsync(_time, cancellation)))
            .ConfigureAwait(false);
        for (int i = 0; i < legs.Count; i++)
        {
            if (outcomes[i].Lost is { } reason)
            {
                RetrievalMetrics.LegsLost.Add(1, modality);
                _options.OnLegLost?.Invoke(legs[i].Name, reason);
            }
        }

        bool partial = outcomes.Any(outcome => outcome.Lost is not null);
        IReadOnlyList<EvidenceHit> hits = legs.Count == 1
            ? outcomes[0].Hits
            : RankFusion.Fuse([.. outcomes.Select(outcome => outcome.Hits)], query.TopK);
        var result = new RetrievalResult([.. hits.Select(Cut)], partial);
        RetrievalMetrics.Duration.Record(_time.GetElapsedTime(started).TotalSeconds, modality);
        RetrievalMetrics.Queries.Add(1, modality, new KeyValuePair<string,
            object?>("outcome", partial ? "partial" : "ok"));
        if (!partial)
        {
            _cache.Put(key, result);
        }

        return result;
    }

    /// <summary>Closes the indexes.</summary>
    public void Dispose()
    {
        foreach (SearchIndex index in _indexes.Values)
        {
            index.Dispose();
        }
    }

    private List<SearchLeg> Legs(RetrievalQuery query, List<KeyValuePair<string, SearchIndex>> indexes)
    {
        var legs = new List<SearchLeg>();
        bool isText = query.Modality == SearchModality.Text;
        if (!isText)
        {
            // One encoding serves the legs of all indexes; it starts with the first leg that asks.
            var vector = new Lazy<Task<float[]>>(() => EncodeAsync(query.Picture!));
            foreach ((string name, SearchIndex index) in indexes)
            {
                legs.Add(new SearchLeg($"{query.Modality}:{name}", _options.PictureDeadline, async token =>
                {
                    float[] unit = await vector.Value.WaitAsync(token).ConfigureAwait(false);
                    IReadOnlyList<EvidenceHit> hits = index.SearchVector(unit, query.TopK, query.Modality, token);
                    return [.. hits.Where(hit => hit.Score >= _options.CosineMin)];
                }));
            }
        }

        if (isText || (_options.FuseTextOfPictureQueries && query.Text.Length > 0))
        {
            foreach ((string name, SearchIndex index) in indexes)
            {
                legs.Add(new SearchLeg($"Text:{name}", _options.TextDeadline,
                    token => Task.FromResult(index.SearchText(query.Text, query.TopK, token))));
            }
        }

        return legs;
    }

    private async Task<float[]> EncodeAsync(RgbPixels pixels)
    {
        await _encodes.WaitAsync().ConfigureAwait(false);
        try
        {
            return _encoder!.Encode([new RgbImage(pixels.Width, pixels.Height, pixels.Data.ToArray())]);
        }
        finally
        {
            _encodes.Release();
        }
    }

    private EvidenceHit Cut(EvidenceHit hit)
    {
        int max = _options.SnippetCharactersMax;
        if (hit.Snippet.Length <= max)
        {
            return hit;
        }

        return hit with { Snippet = hit.Snippet[..(char.IsHighSurrogate(hit.Snippet[max - 1]) ? max - 1 : max)] };
    }

    private void Check(RetrievalQuery query)
    {
        if (query.TopK < 1 || query.TopK > _options.TopKMax)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"A search asks for {query.TopK} hits; the range is 1 to {_options.TopKMax} (top-k).");
        }

        if (query.Modality == SearchModality.Text)
        {
            return;
        }

        if (query.Picture is not { } picture || picture.Width < 1 || picture.Height < 1 ||
            picture.Data.Length != (long)picture.Width * picture.Height * 3)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"A {query.Modality} search needs a picture; it has none.");
        }

        if (_encoder is null)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"A {query.Modality} search needs an encoder; the retriever was opened for text alone.");
        }
    }

    private List<KeyValuePair<string, SearchIndex>> Resolve(string names)
    {
        var found = new List<KeyValuePair<string, SearchIndex>>();
        foreach (string part in names.Split(','))
        {
            string name = part.Trim() is { Length: > 0 } given ? given : _defaultIndex;
            if (!_indexes.TryGetValue(name, out SearchIndex? index))
            {
                throw new PixException(PixErrorKind.NotFound,
                    $"There is no index \"{(name.Length > 80 ? name[..80] : name)}\"; "
                    + $"there is {string.Join(", ", _indexes.Keys.Order(StringComparer.Ordinal).Take(10))}.");
            }

            if (found.All(one => one.Key != name))
            {
                found.Add(new KeyValuePair<string, SearchIndex>(name, index));
            }
        }

        return found;
    }

    private string CacheKey(RetrievalQuery query, List<KeyValuePair<string, SearchIndex>> indexes)
    {
        // Texts are keyed by their words, so that the key is short and "Fiji?" finds what "fiji" left.
        bool textCounts = query.Modality == SearchModality.Text || _options.FuseTextOfPictureQueries;
        string text = textCounts ? string.Join(' ', LexicalQuery.Words(query.Text)) : "";
        string picture = "";
        if (query.Modality != SearchModality.Text)
        {
            RgbPixels pixels = query.Picture!;
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            hash.AppendData(MemoryMarshal.AsBytes<int>([pixels.Width, pixels.Height]));
            hash.AppendData(pixels.Data.Span);
            picture = Convert.ToHexStringLower(hash.GetHashAndReset());
        }

        // What was found before documents were added is not found by this key any more.
        string names = string.Join(',', indexes.Select(one => string.Create(CultureInfo.InvariantCulture,
            $"{one.Key}@{one.Value.Generation}")));
        return string.Create(CultureInfo.InvariantCulture,
            $"{names}\n{query.Modality}\n{query.TopK}\n{text}\n{picture}");
    }
}
