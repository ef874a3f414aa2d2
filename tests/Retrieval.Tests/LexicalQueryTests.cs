using Microsoft.Data.Sqlite;
using PixSearch.Abstractions;

namespace PixSearch.Retrieval.Tests;

/// <summary>
/// Goal: any text is a safe query. Method: literal cases, then random strings of syntax and Unicode against real FTS5.
/// </summary>
public sealed class LexicalQueryTests
{
    [Theory]
    [InlineData("What is the capital of Fiji?", "capital fiji")]
    [InlineData("fiji FIJI Fiji", "fiji")]
    [InlineData("", "")]
    [InlineData("\"') OR 1=1 -- NEAR(a b) title:x*", "1 near b title x")]
    [InlineData("who is the", "who is the")]
    [InlineData("Côte d'Ivoire", "côte d ivoire")]
    public void Words_LiteralText_AreLowerCaseWithoutStopWords(string text, string expected) =>
        Assert.Equal(expected, string.Join(' ', LexicalQuery.Words(text)));

    [Fact]
    public void Words_MegabyteOfText_IsBounded()
    {
        string many = string.Join(' ', Enumerable.Range(0, 150_000).Select(i => $"word{i}"));
        Assert.Equal(LexicalQuery.WordsMax, LexicalQuery.Words(many).Count);
        string one = Assert.Single(LexicalQuery.Words(new string('x', 1 << 20)));
        Assert.Equal(LexicalQuery.WordCharactersMax, one.Length);
    }

    [Fact]
    public void All_TwoWords_QuotesEach() =>
        Assert.Equal("\"capital\" AND \"fiji\"", LexicalQuery.All(LexicalQuery.Words("capital Fiji")));

    [Fact]
    public void SearchText_RandomSyntax_NeverFails()
    {
        using var folder = new TemporaryFolder();
        Knowledge.Build(Knowledge.Write(folder["kb"], 50), folder["index"], null);
        using SearchIndex index = SearchIndex.Open(folder["index"], null);
        string[] pieces =
        [
            "\"", "'", "(", ")", "*", "^", ":", "+", "-", "{", "}", "NEAR", "AND", "OR", "NOT", "title", "fiji",
            "capital", " ", "\0",
            "\n", ";", "--", "/*", "\\", "%", "_", "NEAR(fiji capital, 2)", "\uD800", "\uDC00", "\u0301",
            "\u0300\u0300", "\u200B",
            "\uFEFF", "é", "ß", "漢字", "🇫🇯", "\uE000", "\u0903", "²", "Ⅷ", "٣", "\u0000", "title:", "\"\"",
            "docs MATCH 'x'",
        ];
        for (ulong seed = 1; seed <= 1500; seed++)
        {
            string text = RandomText(seed, pieces);
            Exception? error = Record.Exception(() => index.SearchText(text, 3));
            Assert.True(error is null, $"seed {seed}: {text} -> {error}");
        }
    }

    [Fact]
    public void Words_EveryWordOfTheCorpus_IsFoundAsFts5CutsIt()
    {
        // If our idea of a letter were wider than SQLite's, a quoted word would become an empty or a longer phrase and
        // find nothing.
        using var folder = new TemporaryFolder();
        Knowledge.Build(Knowledge.Write(folder["kb"]), folder["index"], null);
        using SearchIndex index = SearchIndex.Open(folder["index"], null);
        foreach ((string id, string title, string text, _) in Knowledge.Flags)
        {
            foreach (string word in LexicalQuery.Words($"{title} {text}"))
            {
                Assert.Contains(index.SearchText(word, 10), hit => hit.DocumentId == id);
            }
        }
    }

    [Fact]
    public void SearchText_QueryItself_IsWhatFts5Rejects()
    {
        // The guard is needed: the raw text is a syntax error.
        SqliteProvider.Use();
        using var connection = new SqliteConnection("Data Source=:memory:");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText =
            "CREATE VIRTUAL TABLE t USING fts5(x); SELECT count(*) FROM t WHERE t MATCH 'capital of \"Fiji?'";
        Assert.Throws<SqliteException>(() => command.ExecuteScalar());
    }

    private static string RandomText(ulong seed, string[] pieces)
    {
        ulong state = seed;
        return string.Concat(Enumerable.Range(0, 1 + (int)(Next() % 12))
            .Select(_ => pieces[Next() % (ulong)pieces.Length]));

        // SplitMix64: the stream is specified, unlike System.Random's.
        ulong Next()
        {
            ulong z = state += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
