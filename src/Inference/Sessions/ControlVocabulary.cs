using PixSearch.Abstractions;
using PixSearch.Models;

namespace PixSearch.Inference.Sessions;

/// <summary>
/// What a session must know of a vocabulary: which ids end the answer, which never show, and the text of the few ids
/// that could complete a control string. Made once per model and shared by its sessions.
/// </summary>
public sealed class ControlVocabulary
{
    private static readonly string[] s_hidden =
        ["<s>", "</s>", "<pad>", "<unk>", "<im_start>", "<im_end>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"];

    private readonly string?[] _closers;
    private readonly HashSet<int> _hiddenIds = [];

    /// <summary>Reads the vocabulary once: every id whose text holds <c>&gt;</c>, the last character of all control
    /// strings.</summary>
    public ControlVocabulary(ITokenizer tokenizer, IReadOnlySet<int> endTokens)
    {
        (Tokenizer, EndTokens) = (tokenizer, endTokens);
        _closers = new string?[tokenizer.VocabularySize];
        for (int id = 0; id < _closers.Length; id++)
        {
            ReadOnlySpan<byte> bytes = tokenizer.TokenBytes(id);
            if (bytes.IsEmpty || bytes.Contains((byte)'>'))
            {
                string text = tokenizer.Decode([id]);
                _closers[id] = text.Contains('>') ? text : null;
            }
        }

        foreach (string text in s_hidden)
        {
            int id = tokenizer.IdOf(text);
            if (id >= 0)
            {
                _hiddenIds.Add(id);
            }
        }

        SearchCloseIds = tokenizer.Encode(SearchProtocol.SearchClose);
    }

    /// <summary>The tokenizer.</summary>
    public ITokenizer Tokenizer { get; }

    /// <summary>Ids that end the answer.</summary>
    public IReadOnlySet<int> EndTokens { get; }

    /// <summary>The ids of <c>&lt;/search&gt;</c>, for payloads that the machine has to close itself.</summary>
    public IReadOnlyList<int> SearchCloseIds { get; }

    /// <summary>The text of an id that holds <c>&gt;</c>; null for the many that do not.</summary>
    public string? CloserText(int id) => (uint)id < (uint)_closers.Length ? _closers[id] : null;

    /// <summary>Special ids that never show as text.</summary>
    public bool IsHidden(int id) => _hiddenIds.Contains(id);
}
