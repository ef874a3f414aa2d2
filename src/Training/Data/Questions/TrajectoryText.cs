using System.Text;
using PixSearch.Abstractions;

namespace PixSearch.Training.Data.Questions;

/// <summary>Builds a trajectory and keeps the character ranges of its spans and the list of its searches.</summary>
internal sealed class TrajectoryText
{
    /// <summary>Longest entry of evidence; the same at inference.</summary>
    public const int EntryCharactersMax = 160;

    private readonly StringBuilder _text = new();
    private readonly List<SampleSpan> _spans = [];
    private readonly List<SampleSearch> _searches = [];

    public IReadOnlyList<SampleSpan> Spans => _spans;

    public IReadOnlyList<SampleSearch> Searches => _searches;

    /// <summary>What the last search found, as it was written.</summary>
    public string LastEvidence { get; private set; } = "";

    /// <summary>Adds plain text.</summary>
    public TrajectoryText Add(string text)
    {
        _text.Append(text);
        return this;
    }

    /// <summary>Adds a phrase that owns the mask of an entity.</summary>
    public TrajectoryText AddSpan(string phrase, int entity)
    {
        _spans.Add(new SampleSpan(_text.Length, _text.Length + phrase.Length, entity));
        return Add(phrase);
    }

    /// <summary>Adds a search and what it found, as the session machine writes it.</summary>
    public TrajectoryText AddSearch(SearchModality modality, string query, IReadOnlyList<EvidenceHit> evidence)
    {
        string payload = modality switch
        {
            SearchModality.Region => SearchProtocol.Region,
            SearchModality.Image => SearchProtocol.WholeImage,
            _ => query,
        };
        string name = modality switch
        {
            SearchModality.Region => "region",
            SearchModality.Image => "image",
            _ => "text",
        };
        _searches.Add(new SampleSearch(name, modality == SearchModality.Text ? query : "", evidence[0].DocumentId));
        LastEvidence = SearchProtocol.FormatEvidence(evidence, EntryCharactersMax);
        return Add(SearchProtocol.SearchOpen).Add(payload).Add(SearchProtocol.SearchClose)
            .Add(SearchProtocol.InformationOpen)
            .Add(LastEvidence)
            .Add(SearchProtocol.InformationClose);
    }

    /// <inheritdoc/>
    public override string ToString() => _text.ToString();
}
