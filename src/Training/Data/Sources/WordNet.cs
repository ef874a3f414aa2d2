using System.Globalization;
using PixSearch.Abstractions;

namespace PixSearch.Training.Data.Sources;

/// <summary>
/// Nouns of WordNet 3.0 (Princeton), read from its database files as wndb(5WN) describes them: the index gives byte
/// offsets of synsets in the data file.
/// </summary>
internal sealed class WordNet
{
    private readonly byte[] _data;
    private readonly Dictionary<string, long[]> _index = new(StringComparer.Ordinal);

    private WordNet(byte[] data) => _data = data;

    /// <summary>
    /// A meaning: its words, where it lies in the lexicographer's files, its wider meaning, its gloss.
    /// </summary>
    public sealed record Synset(IReadOnlyList<string> Words, int LexFile, long? Hypernym, string Gloss);

    /// <summary>Reads <c>index.noun</c> and <c>data.noun</c> of a folder.</summary>
    public static WordNet Load(string folder)
    {
        var result = new WordNet(File.ReadAllBytes(Path.Combine(folder, "data.noun")));
        foreach (string line in File.ReadLines(Path.Combine(folder, "index.noun")))
        {
            if (line.StartsWith(' '))
            {
                continue;
            }

            // lemma pos synset_cnt p_cnt [symbol...] sense_cnt tagsense_cnt offset...
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            int senses = int.Parse(fields[2], CultureInfo.InvariantCulture);
            result._index[fields[0]] = fields[^senses..]
                .Select(field => long.Parse(field, CultureInfo.InvariantCulture)).ToArray();
        }

        return result;
    }

    /// <summary>The first meaning of a word that lies in some of the lexicographer's files (5 animals, 6 artefacts, 13
    /// food, 20 plants) and below one of some wider words.</summary>
    /// <param name="word">A noun.</param>
    /// <param name="lexFiles">Files to take meanings from.</param>
    /// <param name="below">Wider words, one of which must stand above the meaning; empty for any.</param>
    public Synset? Find(string word, ReadOnlySpan<int> lexFiles, ReadOnlySpan<string> below = default)
    {
        string lemma = word.Replace(' ', '_').ToLowerInvariant();
        foreach (long offset in _index.GetValueOrDefault(lemma) ?? [])
        {
            Synset synset = Read(offset);
            if (lexFiles.Contains(synset.LexFile) && (below.IsEmpty || IsBelow(synset, below)))
            {
                return synset;
            }
        }

        return null;
    }

    private bool IsBelow(Synset synset, ReadOnlySpan<string> words)
    {
        while (synset.Hypernym is { } above)
        {
            synset = Read(above);
            foreach (string word in synset.Words)
            {
                if (words.Contains(word))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>The meaning at an offset.</summary>
    public Synset Read(long offset)
    {
        ReadOnlySpan<byte> rest = _data.AsSpan((int)offset);
        string line = System.Text.Encoding.ASCII.GetString(rest[..rest.IndexOf((byte)'\n')]);
        string[] halves = line.Split(" | ", 2);
        string[] fields = halves[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 6 || long.Parse(fields[0], CultureInfo.InvariantCulture) != offset)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"WordNet has no synset at {offset}.");
        }

        // offset lex_filenum ss_type w_cnt(hex) word lex_id ... p_cnt symbol offset pos source/target ...
        int words = int.Parse(fields[3], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        int pointers = int.Parse(fields[4 + 2 * words], CultureInfo.InvariantCulture);
        long? hypernym = null;
        for (int i = 0; i < pointers && hypernym is null; i++)
        {
            int at = 5 + 2 * words + 4 * i;
            hypernym = fields[at] == "@" ? long.Parse(fields[at + 1], CultureInfo.InvariantCulture) : null;
        }

        return new Synset(
            Enumerable.Range(0, words).Select(i => fields[4 + 2 * i].Replace('_', ' ')).ToList(),
            int.Parse(fields[1], CultureInfo.InvariantCulture), hypernym, halves.Length > 1 ? halves[1].Trim() : "");
    }
}
