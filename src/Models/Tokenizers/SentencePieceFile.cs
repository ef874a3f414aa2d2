using Google.Protobuf;
using PixSearch.Abstractions;
using PixSearch.Models.Tokenizers.Protos;

namespace PixSearch.Models.Tokenizers;

/// <summary>
/// Reads SentencePiece's <c>tokenizer.model</c> (Kudo and Richardson 2018), byte-pair models only: those of LLaMA and
/// of all that descend from it. Tokens are split off and white space is treated as by the slow LLaMA tokenizer of
/// transformers 4.31 in its "legacy" mode, which the published checkpoints were trained with: every text between added
/// tokens gets a dummy prefix of its own, and white space that touches a token added later (not <c>&lt;s&gt;</c>,
/// <c>&lt;/s&gt;</c>, <c>&lt;unk&gt;</c>) is dropped.
/// </summary>
public static class SentencePieceFile
{
    // LLaMA's has 0.5 MB, the largest known (Gemma) 4 MB.
    private const long FileLengthMax = 16L << 20;

    // Trainers make pieces of 16 characters at most unless told otherwise. Every way to cut a piece in two is looked
    // up, so that a piece of a megabyte would take a day.
    private const int PieceLengthMax = 256;

    /// <summary>
    /// Reads a file; throws <see cref="PixException"/>: NotFound, or BrokenArtifact for a damaged file or a model that
    /// is not supported.
    /// </summary>
    /// <param name="path">tokenizer.model.</param>
    /// <param name="added">Tokens added later; see <see cref="TokenizerFolder.ReadAdded"/>. They take white space
    /// beside them along.</param>
    public static BpeTokenizer Load(string path, IReadOnlyList<AddedToken>? added = null) =>
        Parse(ReadBytes(path), path, added);

    /// <summary>The bytes of a file that is not absurdly long.</summary>
    internal static byte[] ReadBytes(string path) => InputFile.ReadAll(path, "SentencePiece model", FileLengthMax);

    /// <summary>Reads the bytes of a file; the name is for messages.</summary>
    public static BpeTokenizer Parse(byte[] bytes, string name, IReadOnlyList<AddedToken>? added = null) =>
        new(Read(bytes, name, added ?? []).Tokenizer);

    /// <summary>Reads the parts, for conversion too.</summary>
    internal static SentencePieceParts Read(byte[] bytes, string name, IReadOnlyList<AddedToken> added)
    {
        SpModel model;
        try
        {
            model = SpModel.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException error)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{name}' is not a SentencePiece model: {error.Message}", error);
        }

        Check(model, name);
        Dictionary<string, int> ids = ReadIds(model, name);
        AddedToken[] controls = [.. model.Pieces
            .Select((piece, id) => (piece, id))
            .Where(pair => pair.piece.Kind is SpPiece.Types.Kind.Control or SpPiece.Types.Kind.Unknown)
            .Select(pair => new AddedToken(pair.id, pair.piece.Text, Special: true))];
        AddedToken[] frozen = [.. model.Pieces
            .Select((piece, id) => (piece, id))
            .Where(pair => pair.piece.Kind == SpPiece.Types.Kind.UserDefined)
            .Select(pair => new AddedToken(pair.id, pair.piece.Text, Special: false))];
        SpNormalizerSettings rules = model.Normalizer ?? new SpNormalizerSettings();
        Dictionary<ulong, BpeMerge> merges = ReadMerges(model, ids);
        var parts = new TokenizerParts
        {
            Model = new BpeModel(BpeAlphabet.Characters, ids, merges)
            {
                UnknownId = controls.Where(token => model.Pieces[token.Id].Kind == SpPiece.Types.Kind.Unknown)
                    .Select(token => token.Id).DefaultIfEmpty(-1).First(),
                FuseUnknown = true,
                ByteFallback = model.Trainer?.ByteFallback ?? false,
                FrozenPieces = frozen.Length > 0 ? new AddedTokens(frozen) : null,
            },
            Added = [.. controls, .. LegacyAdded(added, model.Pieces.Count, name)],
            Normalizer = new SentencePieceNormalizer(rules.AddDummyPrefix, rules.RemoveExtraWhitespaces,
                rules.EscapeWhitespaces),
            PrefixIds = model.Trainer?.BosId is int begin && begin >= 0 && begin < model.Pieces.Count ? [begin] : [],
            StripsFirstSpace = rules.AddDummyPrefix,
        };
        return new SentencePieceParts(model, rules, merges, parts, frozen.Length > 0);
    }

    private static IEnumerable<AddedToken> LegacyAdded(IReadOnlyList<AddedToken> added, int pieceCount, string name)
    {
        int limit = pieceCount + added.Count + 65536;
        foreach (AddedToken token in added)
        {
            if (token.Id < 0 || token.Id >= limit)
            {
                throw new PixException(PixErrorKind.BrokenArtifact,
                    $"'{name}': added token '{token.Content}' has id {token.Id}, outside 0..{limit - 1}.");
            }

            yield return token with { StripLeft = true, StripRight = true };
        }
    }

    private static void Check(SpModel model, string name)
    {
        string? fault = model.Pieces.Count == 0 ? "it has no pieces"
            : model.Trainer?.ModelKind != SpTrainerSettings.Types.ModelKind.Bpe
                ? $"its model is {model.Trainer?.ModelKind.ToString() ?? "not named"}; only BPE is supported"
            : model.Normalizer?.PrecompiledCharsmap.Length > 0
                ? $"its normalisation '{model.Normalizer.Name}' is not supported; only identity is"
            : model.Trainer.TreatWhitespaceAsSuffix ? "white space as suffix is not supported"
            : model.Pieces.Any(piece => piece.Kind == SpPiece.Types.Kind.Unused) ? "unused pieces are not supported"
            : model.Pieces.Max(piece => piece.Text.Length) is > PieceLengthMax and int length
                ? $"a piece has {length} characters; {PieceLengthMax} is the limit"
            : null;
        if (fault is not null)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"'{name}' cannot be used: {fault}.");
        }
    }

    private static Dictionary<string, int> ReadIds(SpModel model, string name)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            if (!ids.TryAdd(model.Pieces[id].Text, id))
            {
                throw new PixException(PixErrorKind.BrokenArtifact,
                    $"'{name}' has piece '{model.Pieces[id].Text}' twice ({ids[model.Pieces[id].Text]} and {id}).");
            }
        }

        return ids;
    }

    // SentencePiece merges the neighbours whose union has the highest score. Every way to cut a piece into two pieces
    // is a merge of that rank; pieces of equal score share one, so that the leftmost goes first.
    private static Dictionary<ulong, BpeMerge> ReadMerges(SpModel model, Dictionary<string, int> ids)
    {
        float[] scores = [.. model.Pieces.Select(piece => piece.Score).Distinct().OrderDescending()];
        var ranks = new Dictionary<float, int>(scores.Length);
        for (int i = 0; i < scores.Length; i++)
        {
            ranks[scores[i]] = i;
        }

        var merges = new Dictionary<ulong, BpeMerge>();
        var lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            if (model.Pieces[id].Kind != SpPiece.Types.Kind.Normal)
            {
                continue;
            }

            ReadOnlySpan<char> text = model.Pieces[id].Text;
            for (int cut = 1; cut < text.Length; cut++)
            {
                if (!char.IsLowSurrogate(text[cut]) && lookup.TryGetValue(text[..cut], out int left)
                    && lookup.TryGetValue(text[cut..], out int right)
                    && IsNormal(model.Pieces[left]) && IsNormal(model.Pieces[right]))
                {
                    merges[BpeMerger.Key(left, right)] = new BpeMerge(ranks[model.Pieces[id].Score], id);
                }
            }
        }

        return merges;
    }

    private static bool IsNormal(SpPiece piece) => piece.Kind == SpPiece.Types.Kind.Normal;
}

/// <summary>A SentencePiece model and what it was turned into.</summary>
internal sealed record SentencePieceParts(SpModel Model, SpNormalizerSettings Rules, Dictionary<ulong, BpeMerge> Merges,
    TokenizerParts Tokenizer, bool HasFrozenPieces);
