using PixSearch.Abstractions;
using PixSearch.Models;

namespace PixSearch.Inference.Sessions;

/// <summary>
/// The decoding protocol of PixSearch (Algorithm 1; systems.md §1.1) as a pure state machine: tokens, masks and
/// evidence go in,
/// events and the next action come out. It has no clock, no I/O and no model, and is a function of its inputs:
/// replaying them gives the same slots and the same events, which is what crash recovery and migration rest on.
/// </summary>
/// <remarks>
/// Control strings are matched on the decoded text, whatever the tokens they are cut into; a part of one is held back
/// and never shows. A region search waits for masks first: <see cref="SessionAction.DecodeMasks"/>, then
/// <see cref="SessionAction.Search"/>. When the answer is complete the remaining spans get their masks too.
/// </remarks>
public sealed class SessionMachine
{
    private readonly ControlVocabulary _vocabulary;
    private readonly IStreamingDecoder _decoder;
    private readonly VisibleText _text;
    private readonly SessionStart _start;
    private readonly EventLog _log = new();

    // Slot i of the answer covers raw characters up to _rawEnd[i]; evidence slots repeat the last value.
    private readonly List<int> _rawEnd = [];
    private readonly List<Grounding> _hidden = [];
    private readonly List<DecodedMask> _masks = [];
    private int[] _slots;
    private int _slotCount;
    private string _query = "";
    private int _searchSlot;
    private int _turn;
    private FinishReason? _reason;
    private int _completionTokens;
    private int _evidenceTokens;

    /// <summary>A session at its prompt. Options must have been validated.</summary>
    public SessionMachine(ControlVocabulary vocabulary, SessionOptions options, SessionStart start)
    {
        (_vocabulary, Options, _start) = (vocabulary, options, start);
        _decoder = vocabulary.Tokenizer.StartDecoding(skipSpecialTokens: false);
        _text = new VisibleText(options.Sampling.Stop);
        _slotCount = start.Prompt.Slots.Length;
        if (_slotCount >= start.ContextLength)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"The prompt has {_slotCount} slots, but the model reads at most {start.ContextLength - 1}: "
                + "ask a shorter question.");
        }

        _slots = new int[Math.Max(64, Math.Min(start.ContextLength, _slotCount * 2))];
        start.Prompt.Slots.CopyTo(_slots, 0);
    }

    /// <summary>The settings.</summary>
    public SessionOptions Options { get; }

    /// <summary>What the session needs next.</summary>
    public SessionAction Next { get; private set; } = SessionAction.Decode;

    /// <summary>The search to run; set while <see cref="Next"/> is <see cref="SessionAction.Search"/>.</summary>
    public SearchOrder? Search { get; private set; }

    /// <summary>All events so far; never shrinks.</summary>
    public IReadOnlyList<SessionEvent> Events => _log.Events;

    /// <summary>Prompt, answer and evidence in slots.</summary>
    public ReadOnlyMemory<int> Slots => new(_slots, 0, _slotCount);

    /// <summary>Number of slots.</summary>
    public int SlotCount => _slotCount;

    /// <summary>Tokens that the model wrote.</summary>
    public int CompletionTokens => _completionTokens;

    /// <summary>The masks found so far.</summary>
    public IReadOnlyList<DecodedMask> Masks => _masks;

    /// <summary>Searches that went out.</summary>
    public int SearchCount => _turn;

    /// <summary>
    /// Whether a token may not be chosen now because it would complete a control string that is not the model's to
    /// write: evidence tags, a search when there is none left. The sampler then takes the next best.
    /// </summary>
    public bool Forbids(int token) =>
        _vocabulary.CloserText(token) is { } text && _text.Forbids(text, MayOpenSearch);

    /// <summary>The token chosen for the next position.</summary>
    public void AcceptToken(int token)
    {
        Expect(SessionAction.Decode);
        _completionTokens++;
        if (_vocabulary.EndTokens.Contains(token))
        {
            Complete(FinishReason.Stop);
            return;
        }

        string text = _vocabulary.IsHidden(token) ? "" : _decoder.Push(token);
        string shown = _text.Push(text);
        Append(token);
        Show(shown);
        AfterText();
    }

    /// <summary>
    /// The groundings among these that get a mask now, in text order: those of the answer's own text before the open
    /// search that do not overlap evidence or payloads. Masks that were found before come first, for the feedback loop.
    /// </summary>
    public IReadOnlyList<Grounding> SelectGroundings(IReadOnlyList<Grounding> groundings)
    {
        Expect(SessionAction.DecodeMasks);
        int limit = _reason is null ? _searchSlot : _slotCount;
        var selected = new List<Grounding>(_masks.Select(mask => mask.Span));
        foreach (Grounding span in groundings.OrderBy(span => span.Start))
        {
            bool ours = span.Start >= _start.Prompt.Slots.Length && span.End <= limit;
            if (ours && !_hidden.Exists(hidden => Overlap(hidden, span))
                && !selected.Exists(taken => Overlap(taken, span)))
            {
                selected.Add(span);
            }
        }

        selected.Sort((a, b) => a.Start.CompareTo(b.Start));
        return selected.Count <= Options.MasksMax ? selected : selected.GetRange(0, Options.MasksMax);
    }

    /// <summary>The masks of the selected groundings; those known before may be left out.</summary>
    public void AcceptMasks(IReadOnlyList<DecodedMask> masks)
    {
        Expect(SessionAction.DecodeMasks);
        foreach (DecodedMask mask in masks)
        {
            if (_masks.Exists(known => known.Span == mask.Span))
            {
                continue;
            }

            _masks.Add(mask);
            _log.Add(new MaskFound(_masks.Count, mask.Rle, mask.Box, mask.Score, Phrase(mask.Span))
            {
                Sequence = _log.Next,
            });
        }

        if (_reason is { } reason)
        {
            End(reason);
            return;
        }

        OrderRegionSearch();
    }

    /// <summary>What the search found: it is put into the stream between evidence tags, and decoding goes on.</summary>
    public void AcceptEvidence(IReadOnlyList<EvidenceHit> hits, bool partial)
    {
        Expect(SessionAction.Search);
        int turn = Search!.Turn;
        Search = null;
        AppendEvidence(hits, out IReadOnlyList<EvidenceHit> kept, out string text);
        _log.Add(new Evidence(turn, kept, partial, text) { Sequence = _log.Next });
        Next = SessionAction.Decode;
        Show(_text.Continue());
        AfterText();
    }

    /// <summary>Ends the session with an error, wherever it stands.</summary>
    public void Fail(PixErrorKind kind, string message)
    {
        if (Next == SessionAction.None)
        {
            return;
        }

        Search = null;
        Next = SessionAction.None;
        AddUsage();
        _log.Add(new Failed(kind, message) { Sequence = _log.Next });
    }

    private bool MayOpenSearch =>
        Options.Mode != SearchMode.None
        && (_turn < Options.SearchBudget || Options.OnBudgetExhausted != BudgetExhausted.Ban);

    private bool BudgetLeft => Options.Mode != SearchMode.None && _turn < Options.SearchBudget;

    /// <summary>Decides what follows once text has been taken in.</summary>
    private void AfterText()
    {
        switch (_text.State)
        {
            case TextState.Stopped:
                Complete(FinishReason.Stop);
                return;
            case TextState.Payload when !BudgetLeft && Options.OnBudgetExhausted == BudgetExhausted.Finish:
                Complete(FinishReason.Stop);
                return;
            case TextState.Payload when _text.PayloadLength > Options.QueryCharactersMax
                + SearchProtocol.SearchClose.Length:
                ClosePayload();
                break;
            default:
                break;
        }

        if (_text.TryClosePayload(out string payload))
        {
            StartSearch(payload);
        }
        else if (_completionTokens >= Options.Sampling.MaxTokens || _slotCount >= _start.ContextLength)
        {
            Complete(FinishReason.Length);
        }
    }

    /// <summary>A payload that does not end is cut and closed with the tokens that the model did not write.</summary>
    private void ClosePayload()
    {
        _text.Push(SearchProtocol.SearchClose);
        foreach (int id in _vocabulary.SearchCloseIds)
        {
            Append(id);
        }
    }

    private void StartSearch(string payload)
    {
        _searchSlot = SlotOfRaw(_text.SearchStart);
        if (!BudgetLeft)
        {
            AppendEvidence([], out _, out _);
            Show(_text.Continue());
            AfterText();
            return;
        }

        (SearchModality asked, string query) = SearchProtocol.ParsePayload(payload);
        SearchModality modality = Options.Mode switch
        {
            SearchMode.Text => SearchModality.Text,
            SearchMode.Image => SearchModality.Image,
            SearchMode.Region => SearchModality.Region,
            _ => asked,
        };
        modality = _start.HasPicture ? modality : SearchModality.Text;
        _query = query.Length > Options.QueryCharactersMax ? query[..Options.QueryCharactersMax] : query;
        _query = _query.Length == 0 ? _start.Question : _query;
        _turn++;
        if (modality == SearchModality.Region)
        {
            Next = SessionAction.DecodeMasks;
            return;
        }

        Order(modality, modality == SearchModality.Text ? _query : "");
    }

    /// <summary>The crop of the entity named last; the whole picture where there is none or its mask is
    /// empty.</summary>
    private void OrderRegionSearch()
    {
        int last = -1;
        for (int i = 0; i < _masks.Count; i++)
        {
            bool before = _masks[i].Span.End <= _searchSlot;
            last = before && (last < 0 || _masks[i].Span.Start > _masks[last].Span.Start) ? i : last;
        }

        if (last < 0)
        {
            Order(SearchModality.Region, "");
            return;
        }

        string phrase = Phrase(_masks[last].Span);
        bool empty = _masks[last].IsEmpty;
        Order(SearchModality.Region, phrase, empty ? null : last + 1, empty ? null : _masks[last].Rle);
    }

    private void Order(SearchModality modality, string query, int? maskId = null, RleMask? mask = null)
    {
        Search = new SearchOrder(_turn, modality, query, Options.TopK, mask);
        Next = SessionAction.Search;
        _log.Add(new SearchStarted(_turn, modality, query, maskId) { Sequence = _log.Next });
    }

    /// <summary>Drops hits from the end until the block fits its limit and the context; at least "nothing found"
    /// remains.</summary>
    private void AppendEvidence(IReadOnlyList<EvidenceHit> hits, out IReadOnlyList<EvidenceHit> kept, out string text)
    {
        int room = Math.Min(Options.EvidenceTokensMax, _start.ContextLength - _slotCount);
        int[] ids;
        int count = hits.Count;
        int charactersMax = Options.EvidenceEntryCharactersMax;
        while (true)
        {
            kept = count == hits.Count ? hits : [.. hits.Take(count)];
            text = SearchProtocol.FormatEvidence(kept, charactersMax);
            ids = _vocabulary.Tokenizer.Encode(SearchProtocol.InformationOpen + text + SearchProtocol.InformationClose);
            if (ids.Length <= room || count == 0)
            {
                break;
            }

            // One entry alone is shortened before it is given up.
            if (count == 1 && charactersMax > 32)
            {
                charactersMax /= 2;
            }
            else
            {
                count--;
            }
        }

        int used = Math.Min(ids.Length, Math.Max(0, _start.ContextLength - _slotCount));
        for (int i = 0; i < used; i++)
        {
            Append(ids[i]);
        }

        _evidenceTokens += used;
        _hidden.Add(new Grounding(_searchSlot, _slotCount));
    }

    private void Complete(FinishReason reason)
    {
        Show(_text.Push(_decoder.Flush()));
        Show(_text.Finish());
        if (_text.State == TextState.Payload)
        {
            _hidden.Add(new Grounding(SlotOfRaw(_text.SearchStart), _slotCount));
        }

        _reason = reason;
        if (_start.HasPicture && Options.MasksAtEnd && Options.MasksMax > 0)
        {
            Next = SessionAction.DecodeMasks;
            return;
        }

        End(reason);
    }

    private void End(FinishReason reason)
    {
        Next = SessionAction.None;
        AddUsage();
        _log.Add(new Finished(reason) { Sequence = _log.Next });
    }

    private void AddUsage()
    {
        int image = _start.Prompt.Slots.Count(slot => slot < 0);
        _log.Add(new Usage(_start.Prompt.Slots.Length - image, image, _completionTokens, _evidenceTokens, _turn,
            _masks.Count) { Sequence = _log.Next });
    }

    private void Show(string text)
    {
        if (text.Length > 0)
        {
            _log.Add(new TextDelta(text) { Sequence = _log.Next });
        }
    }

    private void Append(int slot)
    {
        if (_slotCount == _slots.Length)
        {
            Array.Resize(ref _slots, Math.Max(_slotCount + 1, Math.Min(_start.ContextLength, _slotCount * 2)));
        }

        _slots[_slotCount++] = slot;
        _rawEnd.Add(_text.RawLength);
    }

    /// <summary>The first slot that begins at or after a raw character: a token that straddles it belongs to what is
    /// before.</summary>
    private int SlotOfRaw(int position)
    {
        int index = position <= 0 ? -1 : _rawEnd.FindIndex(end => end >= position);
        return _start.Prompt.Slots.Length + index + 1;
    }

    private string Phrase(Grounding span)
    {
        int[] ids = _slots[span.Start..span.End];
        return VisibleText.Clean(
            _vocabulary.Tokenizer.Decode(Array.FindAll(ids, id => id >= 0), skipSpecialTokens: true));
    }

    private void Expect(SessionAction action)
    {
        if (Next != action)
        {
            throw new InvalidOperationException($"The session waits for {Next}, not for {action}.");
        }
    }

    private static bool Overlap(Grounding a, Grounding b) => a.Start < b.End && b.Start < a.End;
}
