using System.Text.Json;
using PixSearch.Abstractions;

namespace PixSearch.Models.Tokenizers;

/// <summary>Turns the parts of a <c>tokenizer.json</c> into those of a <see cref="BpeTokenizer"/>.</summary>
internal sealed class TokenizerJsonReader(string name)
{
    private bool _byteLevel;

    /// <summary>All parts.</summary>
    public TokenizerParts Read(JsonElement root)
    {
        TextNormalizer? normalizer = ReadNormalizer(Get(root, "normalizer"));
        PreTokenizer? preTokenizer = ReadPreTokenizer(Get(root, "pre_tokenizer"));
        BpeModel model = ReadModel(root.GetProperty("model"));
        AddedToken[] added = ReadAdded(Get(root, "added_tokens"));
        (int[] prefix, int[] suffix) = ReadTemplate(Get(root, "post_processor"));
        var parts = new TokenizerParts
        {
            Model = model,
            Added = added,
            Normalizer = normalizer,
            PreTokenizer = preTokenizer,
            PrefixIds = prefix,
            SuffixIds = suffix,
            StripsFirstSpace = StripsFirstSpace(Get(root, "decoder")),
        };
        CheckIds(parts);
        return parts;
    }

    private static JsonElement Get(JsonElement parent, string property) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(property, out JsonElement value) ? value
            : default;

    private static bool Has(JsonElement element) =>
        element.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    private static bool Flag(JsonElement parent, string property, bool otherwise = false)
    {
        JsonElement value = Get(parent, property);
        return Has(value) ? value.GetBoolean() : otherwise;
    }

    private static string TypeOf(JsonElement element) => element.GetProperty("type").GetString() ?? "";

    private static AddedToken[] ReadAdded(JsonElement list)
    {
        return !Has(list) ? [] : [.. list.EnumerateArray().Select(token => new AddedToken(
            token.GetProperty("id").GetInt32(),
            token.GetProperty("content").GetString() ?? "",
            Flag(token, "special"),
            Flag(token, "normalized"),
            Flag(token, "lstrip"),
            Flag(token, "rstrip"),
            Flag(token, "single_word")))];
    }

    // Arrays are as long as the highest id, so ids may not be far above the number of tokens.
    private void CheckIds(TokenizerParts parts)
    {
        int limit = (2 * (parts.Model.Ids.Count + parts.Added.Count)) + 65536;
        foreach (int id in parts.Model.Ids.Values.Concat(parts.Added.Select(token => token.Id))
            .Concat(parts.PrefixIds).Concat(parts.SuffixIds))
        {
            if (id < 0 || id >= limit)
            {
                throw Broken($"token id {id} is outside 0..{limit - 1}");
            }
        }
    }

    private TextNormalizer? ReadNormalizer(JsonElement element)
    {
        if (!Has(element))
        {
            return null;
        }

        switch (TypeOf(element))
        {
            case "NFC":
                return new TextNormalizer.Nfc();
            case "Sequence":
                return new TextNormalizer.Sequence([.. element.GetProperty("normalizers").EnumerateArray()
                    .Select(ReadNormalizer).OfType<TextNormalizer>()]);
            case "Prepend":
                return new TextNormalizer.Prepend(element.GetProperty("prepend").GetString() ?? "");
            case "Replace" when Has(Get(element.GetProperty("pattern"), "String")):
                return new TextNormalizer.Replace(
                    element.GetProperty("pattern").GetProperty("String").GetString() ?? "",
                    element.GetProperty("content").GetString() ?? "");
            default:
                throw Broken(
                    $"normalizer '{TypeOf(element)}' is not supported (NFC, Prepend, Replace of a text, Sequence are)");
        }
    }

    private PreTokenizer? ReadPreTokenizer(JsonElement element)
    {
        if (!Has(element))
        {
            return null;
        }

        switch (TypeOf(element))
        {
            case "Sequence":
                return new PreTokenizer.Sequence([.. element.GetProperty("pretokenizers").EnumerateArray()
                    .Select(ReadPreTokenizer).OfType<PreTokenizer>()]);
            case "Split":
                return new PreTokenizer.Split(ReadSplitter(element));
            case "ByteLevel":
                return ReadByteLevel(element);
            case "Digits":
                return new PreTokenizer.Split(new RegexSplitter(
                    Flag(element, "individual_digits") ? @"\p{N}" : @"\p{N}+", SplitBehavior.Isolated, invert: false));
            case "Metaspace":
                string mark = element.GetProperty("replacement").GetString() ?? "";
                string scheme = Has(Get(element, "prepend_scheme")) ? Get(element, "prepend_scheme").GetString() ?? ""
                    : Flag(element, "add_prefix_space", otherwise: true) ? "always" : "never";
                return new PreTokenizer.Metaspace(mark, scheme == "first", scheme == "always",
                    Flag(element, "split", otherwise: true));
            default:
                throw Broken(
                    $"pre-tokenizer '{TypeOf(element)}' is not supported (Split, ByteLevel, Digits, Metaspace, "
                    + "Sequence are)");
        }
    }

    private RegexSplitter ReadSplitter(JsonElement element)
    {
        JsonElement pattern = element.GetProperty("pattern");
        JsonElement regex = Get(pattern, "Regex");
        string text = Has(regex) ? regex.GetString() ?? ""
            : System.Text.RegularExpressions.Regex.Escape(pattern.GetProperty("String").GetString() ?? "");
        string behavior = element.GetProperty("behavior").GetString() ?? "";
        if (!Enum.TryParse(behavior, out SplitBehavior parsed) || parsed.ToString() != behavior)
        {
            throw Broken($"split behaviour '{behavior}' is not supported");
        }

        return new RegexSplitter(text, parsed, Flag(element, "invert"));
    }

    private PreTokenizer.Sequence ReadByteLevel(JsonElement element)
    {
        _byteLevel = true;
        var steps = new List<PreTokenizer>(2);
        if (Flag(element, "add_prefix_space", otherwise: true))
        {
            steps.Add(new PreTokenizer.PrefixSpace());
        }

        if (Flag(element, "use_regex", otherwise: true))
        {
            steps.Add(new PreTokenizer.Split(new RegexSplitter(RegexSplitter.Gpt2Pattern, SplitBehavior.Isolated,
                invert: false)));
        }

        return new PreTokenizer.Sequence(steps);
    }

    private BpeModel ReadModel(JsonElement model)
    {
        JsonElement type = Get(model, "type");
        if (Has(type) && type.GetString() != "BPE")
        {
            throw Broken($"model '{type.GetString()}' is not supported (BPE is)");
        }

        foreach (string property in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (Get(model, property) is { ValueKind: JsonValueKind.String } value && value.GetString() != "")
            {
                throw Broken($"{property} '{value.GetString()}' is not supported");
            }
        }

        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (JsonProperty token in model.GetProperty("vocab").EnumerateObject())
        {
            if (!ids.TryAdd(token.Name, token.Value.GetInt32()))
            {
                throw Broken($"token '{token.Name}' is in the vocabulary twice");
            }
        }

        string? unknown = Get(model, "unk_token") is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;
        return new BpeModel(_byteLevel ? BpeAlphabet.Bytes : BpeAlphabet.Characters, ids, ReadMerges(model, ids))
        {
            UnknownId = unknown is null ? -1 : ids.GetValueOrDefault(unknown, -1),
            FuseUnknown = Flag(model, "fuse_unk"),
            ByteFallback = Flag(model, "byte_fallback"),
            WholeWordsFirst = Flag(model, "ignore_merges"),
        };
    }

    private Dictionary<ulong, BpeMerge> ReadMerges(JsonElement model, Dictionary<string, int> ids)
    {
        JsonElement list = model.GetProperty("merges");
        var merges = new Dictionary<ulong, BpeMerge>(list.GetArrayLength());
        int rank = 0;
        foreach (JsonElement merge in list.EnumerateArray())
        {
            (string left, string right) = ReadPair(merge, rank);
            if (!ids.TryGetValue(left, out int leftId) || !ids.TryGetValue(right, out int rightId)
                || !ids.TryGetValue(left + right, out int id))
            {
                throw Broken($"merge {rank} ('{left}' '{right}') or its result is not in the vocabulary");
            }

            // As in the reference: of a pair given twice the later one counts.
            merges[BpeMerger.Key(leftId, rightId)] = new BpeMerge(rank, id);
            rank++;
        }

        return merges;
    }

    private (string Left, string Right) ReadPair(JsonElement merge, int rank)
    {
        if (merge.ValueKind == JsonValueKind.Array)
        {
            if (merge.GetArrayLength() != 2)
            {
                throw Broken($"merge {rank} has {merge.GetArrayLength()} parts; 2 were expected");
            }

            return (merge[0].GetString() ?? "", merge[1].GetString() ?? "");
        }

        string[] parts = (merge.GetString() ?? "").Split(' ');
        return parts.Length == 2 ? (parts[0], parts[1])
            : throw Broken($"merge {rank} ('{merge.GetString()}') does not have two parts");
    }

    private (int[] Prefix, int[] Suffix) ReadTemplate(JsonElement element)
    {
        if (!Has(element))
        {
            return ([], []);
        }

        switch (TypeOf(element))
        {
            case "ByteLevel":
                return ([], []);
            case "Sequence":
                (int[] Prefix, int[] Suffix) found = ([], []);
                foreach (JsonElement step in element.GetProperty("processors").EnumerateArray())
                {
                    (int[] prefix, int[] suffix) = ReadTemplate(step);
                    found = ([.. prefix, .. found.Prefix], [.. found.Suffix, .. suffix]);
                }

                return found;
            case "TemplateProcessing":
                return ReadTemplateSteps(element);
            default:
                throw Broken($"post-processor '{TypeOf(element)}' is not supported "
                    + "(TemplateProcessing, ByteLevel, Sequence are)");
        }
    }

    private (int[] Prefix, int[] Suffix) ReadTemplateSteps(JsonElement element)
    {
        var prefix = new List<int>();
        var suffix = new List<int>();
        bool seen = false;
        foreach (JsonElement step in element.GetProperty("single").EnumerateArray())
        {
            if (Has(Get(step, "Sequence")))
            {
                seen = true;
                continue;
            }

            string token = step.GetProperty("SpecialToken").GetProperty("id").GetString() ?? "";
            JsonElement special = Get(element.GetProperty("special_tokens"), token);
            if (!Has(special))
            {
                throw Broken($"the template's token '{token}' is not among its special tokens");
            }

            (seen ? suffix : prefix).AddRange(special.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        }

        return ([.. prefix], [.. suffix]);
    }

    // LLaMA: Sequence(Replace, ByteFallback, Fuse, Strip(" ", 1, 0)); newer files: Metaspace.
    private static bool StripsFirstSpace(JsonElement decoder)
    {
        if (!Has(decoder))
        {
            return false;
        }

        return TypeOf(decoder) switch
        {
            "Sequence" => decoder.GetProperty("decoders").EnumerateArray().Any(StripsFirstSpace),
            "Strip" => decoder.GetProperty("content").GetString() == " " && decoder.GetProperty("start").GetInt32() > 0,
            "Metaspace" =>
                !Has(Get(decoder, "prepend_scheme")) || Get(decoder, "prepend_scheme").GetString() != "never",
            _ => false,
        };
    }

    private PixException Broken(string what) => new(PixErrorKind.BrokenArtifact, $"'{name}': {what}.");
}
