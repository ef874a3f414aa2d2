using Microsoft.Data.Sqlite;

namespace PixSearch.Retrieval;

/// <summary>The tables of an index database and how one is opened.</summary>
internal static class IndexSchema
{
    /// <summary>
    /// <c>documents_fts</c> keeps only postings (external content), so texts are stored once. Stemming, because
    /// questions say "currencies" where a card says "currency". A vector is little-endian F32, in the row of its
    /// document.
    /// </summary>
    public const string Create = """
        CREATE TABLE documents(row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL,
            text TEXT NOT NULL, entity TEXT);
        CREATE VIRTUAL TABLE documents_fts USING fts5(title, text, content='documents', content_rowid='row',
            tokenize='porter unicode61 remove_diacritics 2');
        CREATE TABLE vectors(row INTEGER PRIMARY KEY REFERENCES documents(row), vector BLOB NOT NULL);
        """;

    /// <summary>
    /// BM25 with the title four times the text: cards of neighbours name an entity too, only its own has it in the
    /// title. FTS5's bm25() is smaller for better, hence the sign. Equal scores keep the order of the knowledge base.
    /// </summary>
    public const string SearchText = """
        SELECT d.row, d.id, d.title, d.text, -bm25(documents_fts, 4.0, 1.0) AS score
        FROM documents_fts JOIN documents d ON d.row = documents_fts.rowid
        WHERE documents_fts MATCH $query ORDER BY score DESC, d.row LIMIT $count
        """;

    /// <summary>One document by row.</summary>
    public const string SelectDocument = "SELECT row, id, title, text, entity FROM documents WHERE row = $row";

    /// <summary>Opens a database for one writer: the only one, in a folder that nobody else knows yet.</summary>
    public static SqliteConnection OpenForBuild(string path) => Open(new SqliteConnectionStringBuilder
    {
        DataSource = path,
        Mode = SqliteOpenMode.ReadWriteCreate,
        Pooling = false,
    });

    /// <summary>Opens a finished database; it is never written again.</summary>
    public static SqliteConnection OpenForSearch(string path) => Open(new SqliteConnectionStringBuilder
    {
        DataSource = path,
        Mode = SqliteOpenMode.ReadOnly,
        Pooling = false,
    });

    /// <summary>Runs statements without a result.</summary>
    public static void Execute(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static SqliteConnection Open(SqliteConnectionStringBuilder builder)
    {
        SqliteProvider.Use();
        var connection = new SqliteConnection(builder.ConnectionString);
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
