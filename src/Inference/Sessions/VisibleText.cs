using System.Text;
using PixSearch.Abstractions;

namespace PixSearch.Inference.Sessions;

/// <summary>What the text of a session has come to.</summary>
internal enum TextState
{
    /// <summary>Text for the reader.</summary>
    Visible,

    /// <summary>Between <c>&lt;search&gt;</c> and <c>&lt;/search&gt;</c>.</summary>
    Payload,

    /// <summary>A stop string was written.</summary>
    Stopped,
}

/// <summary>
/// Splits the model's text into what the reader sees and search payloads. Text that may be the beginning of a control
/// or stop
/// string is held back until it is certain. Characters are counted in the raw text: all that the model wrote, without
/// evidence.
/// </summary>
internal sealed class VisibleText(IReadOnlyList<string> stops)
{
    /// <summary>Strings that never reach a reader. <c>&lt;search&gt;</c> opens a payload, the others are
    /// dropped.</summary>
    private static readonly string[] s_control =
    [
        SearchProtocol.SearchOpen, SearchProtocol.SearchClose, SearchProtocol.Region, SearchProtocol.WholeImage,
        SearchProtocol.WholeImageAlternative, SearchProtocol.InformationOpen, SearchProtocol.InformationClose,
    ];

    private static readonly int s_controlLengthMax = s_control.Max(text => text.Length);

    private readonly StringBuilder _raw = new();
    private readonly StringBuilder _out = new();
    private int _certain;
    private bool _started;

    /// <summary>Where the text stands.</summary>
    public TextState State { get; private set; }

    /// <summary>Raw position of the <c>&lt;</c> of the open search.</summary>
    public int SearchStart { get; private set; }

    /// <summary>Number of raw characters.</summary>
    public int RawLength => _raw.Length;

    /// <summary>Characters of the open payload so far.</summary>
    public int PayloadLength => State == TextState.Payload ? _raw.Length - _certain : 0;

    /// <summary>
    /// Whether text would complete a control string that is not allowed now: evidence tags always, a nested or
    /// forbidden
    /// <c>&lt;search&gt;</c>, and payload literals and closing tags outside of a search.
    /// </summary>
    public bool Forbids(string text, bool mayOpenSearch)
    {
        int keep = Math.Min(_raw.Length - _certain, s_controlLengthMax - 1);
        string tail = _raw.ToString(_raw.Length - keep, keep) + text;
        bool inPayload = State == TextState.Payload;
        while (true)
        {
            // One token may hold several control strings: each is judged by the state that those before it lead to.
            (int at, int which) = Earliest(tail, s_control);
            if (at < 0)
            {
                return false;
            }

            string control = s_control[which];
            bool allowed = control switch
            {
                SearchProtocol.SearchOpen => mayOpenSearch && !inPayload,
                SearchProtocol.InformationOpen or SearchProtocol.InformationClose => false,
                _ => inPayload,
            };
            if (!allowed)
            {
                return true;
            }

            mayOpenSearch &= control != SearchProtocol.SearchClose;
            inPayload = control == SearchProtocol.SearchOpen || (inPayload && control != SearchProtocol.SearchClose);
            tail = tail[(at + control.Length)..];
        }
    }

    /// <summary>A phrase without the control string, or part of one, that its last token also holds.</summary>
    public static string Clean(string phrase)
    {
        (int at, int _) = Earliest(phrase, s_control);
        string head = at < 0 ? phrase : phrase[..at];
        return head[..^LongestPrefixSuffix(head, s_control)].Trim();
    }

    /// <summary>Takes in text. Returns what is now certain for the reader; the state says what follows.</summary>
    public string Push(string text)
    {
        // The common case: nothing is held back, and every control string begins with '<'. The text is passed on as it
        // is, so that a decoded token costs no string of its own here.
        bool plain = State == TextState.Visible && _started && _certain == _raw.Length && stops.Count == 0
            && !text.Contains('<', StringComparison.Ordinal);
        _raw.Append(text);
        if (plain)
        {
            _certain = _raw.Length;
            return text;
        }

        return State == TextState.Visible ? Scan(final: false) : "";
    }

    /// <summary>The payload if its closing tag has been written; the text after it is visible again.</summary>
    public bool TryClosePayload(out string payload)
    {
        payload = "";
        if (State != TextState.Payload)
        {
            return false;
        }

        string open = _raw.ToString(_certain, _raw.Length - _certain);
        int end = open.IndexOf(SearchProtocol.SearchClose, StringComparison.Ordinal);
        if (end < 0)
        {
            return false;
        }

        payload = open[..end];
        _certain += end + SearchProtocol.SearchClose.Length;
        State = TextState.Visible;
        return true;
    }

    /// <summary>Goes on after a closed search: text of the token that closed it may be waiting.</summary>
    public string Continue() => State == TextState.Visible ? Scan(final: false) : "";

    /// <summary>What is left at the end. A cut-off control string is dropped, as is an open payload.</summary>
    public string Finish() => State == TextState.Visible ? Scan(final: true) : "";

    private string Scan(bool final)
    {
        _out.Clear();
        while (true)
        {
            string pending = _raw.ToString(_certain, _raw.Length - _certain);
            (int stopAt, int _) = Earliest(pending, stops);
            (int controlAt, int which) = Earliest(pending, s_control);
            if (stopAt >= 0 && (controlAt < 0 || stopAt <= controlAt))
            {
                Emit(pending.AsSpan(0, stopAt));
                State = TextState.Stopped;
                break;
            }

            if (controlAt < 0)
            {
                int held = final ? CutControl(pending) : Held(pending);
                Emit(pending.AsSpan(0, pending.Length - held));
                _certain += pending.Length - held;
                break;
            }

            Emit(pending.AsSpan(0, controlAt));
            SearchStart = _certain + controlAt;
            _certain = SearchStart + s_control[which].Length;
            if (which == 0)
            {
                State = TextState.Payload;
                break;
            }
        }

        return _out.ToString();
    }

    /// <summary>The answer's leading white space belongs to the prompt's template, not to the reader.</summary>
    private void Emit(ReadOnlySpan<char> text)
    {
        text = _started ? text : text.TrimStart();
        _started |= text.Length > 0;
        _out.Append(text);
    }

    private static (int At, int Which) Earliest(string text, IReadOnlyList<string> strings)
    {
        (int at, int which) = (-1, -1);
        for (int i = 0; i < strings.Count; i++)
        {
            int found = text.IndexOf(strings[i], StringComparison.Ordinal);
            if (found >= 0 && (at < 0 || found < at))
            {
                (at, which) = (found, i);
            }
        }

        return (at, which);
    }

    /// <summary>Length of the longest suffix that some control or stop string begins with.</summary>
    private int Held(string text) => Math.Max(LongestPrefixSuffix(text, s_control), LongestPrefixSuffix(text, stops));

    /// <summary>A lone <c>&lt;</c> at the end may be meant; two characters or more of a control string are
    /// not.</summary>
    private static int CutControl(string text)
    {
        int held = LongestPrefixSuffix(text, s_control);
        return held >= 2 ? held : 0;
    }

    private static int LongestPrefixSuffix(string text, IReadOnlyList<string> strings)
    {
        int longest = 0;
        foreach (string candidate in strings)
        {
            for (int length = Math.Min(candidate.Length - 1, text.Length); length > longest; length--)
            {
                if (text.AsSpan(text.Length - length).SequenceEqual(candidate.AsSpan(0, length)))
                {
                    longest = length;
                    break;
                }
            }
        }

        return longest;
    }
}
