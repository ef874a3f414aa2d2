namespace PixSearch.Abstractions;

/// <summary>
/// The control strings of search-interleaved decoding (PixSearch §3.2, Algorithm 1) and the form of evidence. They
/// are matched on decoded text, never on token ids, since a tokenizer may cut them anyhow.
/// </summary>
public static class SearchProtocol
{
    /// <summary>Opens a search.</summary>
    public const string SearchOpen = "<search>";

    /// <summary>Closes a search; decoding pauses here.</summary>
    public const string SearchClose = "</search>";

    /// <summary>Payload: the crop of the entity named last.</summary>
    public const string Region = "<region>";

    /// <summary>Payload: the whole picture (Algorithm 1's spelling; written by our models).</summary>
    public const string WholeImage = "<img>";

    /// <summary>Payload: the whole picture (§3.2's spelling; accepted too).</summary>
    public const string WholeImageAlternative = "<image>";

    /// <summary>Opens injected evidence.</summary>
    public const string InformationOpen = "<information>";

    /// <summary>Closes injected evidence.</summary>
    public const string InformationClose = "</information>";

    /// <summary>Between entries of evidence.</summary>
    public const string EntrySeparator = " | ";

    /// <summary>What the model reads when a search found nothing.</summary>
    public const string NothingFound = "nothing found";

    /// <summary>The answer to a question whose answer is not to be found (lower case; the metric looks for
    /// it).</summary>
    public const string DontKnow = "i don't know";

    /// <summary>Which search a payload asks for; anything but the two literals is itself a text query
    /// (trimmed).</summary>
    public static (SearchModality Modality, string Query) ParsePayload(string payload)
    {
        string trimmed = payload.Trim();
        return trimmed switch
        {
            Region => (SearchModality.Region, ""),
            WholeImage or WholeImageAlternative => (SearchModality.Image, ""),
            _ => (SearchModality.Text, trimmed),
        };
    }

    /// <summary>
    /// Evidence as the model reads it: <c>Title: snippet | Title: snippet</c>. A control string inside a document is
    /// defused (its angle bracket is dropped), so that a document can never steer the protocol.
    /// </summary>
    /// <param name="hits">Best first.</param>
    /// <param name="entryCharactersMax">Longest entry; longer ones are cut at a word.</param>
    public static string FormatEvidence(IReadOnlyList<EvidenceHit> hits, int entryCharactersMax)
    {
        if (hits.Count == 0)
        {
            return NothingFound;
        }

        return string.Join(EntrySeparator, hits.Select(hit => FormatEntry(hit.Title, hit.Snippet, entryCharactersMax)));
    }

    private static string FormatEntry(string title, string snippet, int charactersMax)
    {
        string entry = snippet.Length == 0 ? title : $"{title}: {snippet}";
        entry = entry.Replace('\n', ' ').Replace("<", "", StringComparison.Ordinal).Replace(
            ">", "", StringComparison.Ordinal).Replace('|', '/');
        if (entry.Length <= charactersMax)
        {
            return entry;
        }

        int cut = entry.LastIndexOf(' ', charactersMax);
        return entry[..(cut > 0 ? cut : charactersMax)];
    }
}
