using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Data.Sqlite;
using PixSearch.Abstractions;

namespace PixSearch.Retrieval;

/// <summary>
/// The database of an index to which documents were added: a copy of the finished one that SQLite keeps in WAL mode
/// with synchronous=FULL, so that what was committed survives the process and the power. The finished database stays
/// beside it untouched. Every row carries a digest of its content, since SQLite has no checksums of its own.
/// </summary>
internal static class LiveDatabase
{
    /// <summary>Name of the database in the index folder.</summary>
    public const string FileName = "live.sqlite";

    /// <summary>Held by the one process that adds documents.</summary>
    public const string LockName = "live.lock";

    /// <summary>Bytes of a digest: enough to find damage, which is all it is for.</summary>
    public const int DigestBytes = 8;

    private const string Schema = """
        PRAGMA journal_mode=WAL;
        ALTER TABLE documents ADD COLUMN digest BLOB;
        ALTER TABLE vectors ADD COLUMN digest BLOB;
        CREATE TABLE live(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        """;

    /// <summary>As <see cref="IndexSchema.SearchText"/>, with the digest.</summary>
    public const string SearchText = """
        SELECT d.row, d.id, d.title, d.text, -bm25(documents_fts, 4.0, 1.0) AS score, d.digest
        FROM documents_fts JOIN documents d ON d.row = documents_fts.rowid
        WHERE documents_fts MATCH $query ORDER BY score DESC, d.row LIMIT $count
        """;

    /// <summary>One document by row, with the digest.</summary>
    public const string SelectDocument = "SELECT row, id, title, text, entity, digest FROM documents WHERE row = $row";

    /// <summary>Path of the live database of a folder.</summary>
    public static string PathIn(string directory) => Path.Combine(directory, FileName);

    /// <summary>
    /// Makes the live database of a folder. It appears at once and complete, or not at all.
    /// </summary>
    /// <exception cref="PixException">PermissionDenied: the folder cannot be written.</exception>
    public static void Create(string directory, IndexManifest manifest, IRegionEncoder? encoder)
    {
        string temporary = PathIn(directory) + ".new";
        try
        {
            File.Copy(Path.Combine(directory, IndexManifest.DatabaseName), temporary, overwrite: true);
            using (SqliteConnection connection = IndexSchema.OpenForBuild(temporary))
            {
                Fill(connection, manifest, encoder);
            }

            // The rename must not overtake the contents on their way to the disk.
            using (FileStream written = File.Open(temporary, FileMode.Open, FileAccess.ReadWrite))
            {
                written.Flush(flushToDisk: true);
            }

            File.Move(temporary, PathIn(directory));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or SqliteException)
        {
            throw new PixException(PixErrorKind.PermissionDenied,
                $"The index {directory} cannot take documents: its folder cannot be written ({error.Message}).", error);
        }
    }

    /// <summary>The counts and the encoder that a live database says it has.</summary>
    /// <exception cref="PixException">BrokenArtifact: it is a copy of another index.</exception>
    public static IndexManifest ReadManifest(SqliteConnection connection, IndexManifest finished, string path)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        using (SqliteCommand command = connection.CreateCommand())
        {
            command.CommandText = "SELECT name, value FROM live";
            using SqliteDataReader reader = command.ExecuteReader();
            while (reader.Read())
            {
                values[reader.GetString(0)] = reader.GetString(1);
            }
        }

        if (values.GetValueOrDefault("finished") != finished.DatabaseSha256)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"{path} does not belong to the index beside it: delete it, or restore the index that it was made of.");
        }

        return finished with
        {
            Documents = Count(connection, "documents"),
            Vectors = Count(connection, "vectors"),
            Dimension = int.Parse(values["dimension"], CultureInfo.InvariantCulture),
            EncoderName = values["encoder"],
            EncoderFingerprint = values["fingerprint"],
        };
    }

    /// <summary>
    /// Throws when pages or postings are damaged. Postings are compared with the documents, whose digests are checked
    /// when they are read: FTS5 has no checksums, and a flipped bit in a posting would change answers silently.
    /// </summary>
    /// <exception cref="SqliteException">It is damaged.</exception>
    public static void Check(string path)
    {
        // The comparison is written as an insert, so it needs a connection that may write; it writes nothing.
        using SqliteConnection connection = IndexSchema.OpenForBuild(path);
        IndexSchema.Execute(connection, "PRAGMA busy_timeout=10000;");
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "PRAGMA integrity_check(1)";
        string answer = (string)command.ExecuteScalar()!;
        if (answer != "ok")
        {
            throw new SqliteException($"{path}: {answer}", SQLitePCL.raw.SQLITE_CORRUPT);
        }

        IndexSchema.Execute(connection, "INSERT INTO documents_fts(documents_fts, rank) VALUES('integrity-check', 1);");
    }

    /// <summary>Digest of a document's content.</summary>
    public static byte[] Digest(string id, string title, string text)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string part in (string[])[id, title, text])
        {
            byte[] bytes = Encoding.UTF8.GetBytes(part);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }

        return hash.GetHashAndReset()[..DigestBytes];
    }

    /// <summary>Digest of a vector's bytes.</summary>
    public static byte[] Digest(ReadOnlySpan<byte> vector) => SHA256.HashData(vector)[..DigestBytes];

    private static void Fill(SqliteConnection connection, IndexManifest manifest, IRegionEncoder? encoder)
    {
        IndexSchema.Execute(connection, Schema);
        using (SqliteTransaction transaction = connection.BeginTransaction())
        {
            Stamp(connection, transaction, "SELECT row, id, title, text FROM documents",
                "UPDATE documents SET digest = $digest WHERE row = $row",
                reader => Digest(reader.GetString(1), reader.GetString(2), reader.GetString(3)));
            Stamp(connection, transaction, "SELECT row, vector FROM vectors",
                "UPDATE vectors SET digest = $digest WHERE row = $row",
                reader => Digest(reader.GetFieldValue<byte[]>(1)));
            bool hasVectors = manifest.Vectors > 0;
            (string Name, string Value)[] values =
            [
                ("finished", manifest.DatabaseSha256),
                ("encoder", hasVectors ? manifest.EncoderName : encoder?.Name ?? ""),
                ("fingerprint", hasVectors ? manifest.EncoderFingerprint : encoder?.Fingerprint ?? ""),
                ("dimension", (hasVectors ? manifest.Dimension : encoder?.Dimension ?? 0)
                    .ToString(CultureInfo.InvariantCulture)),
            ];
            foreach ((string name, string value) in values)
            {
                using SqliteCommand insert = connection.CreateCommand();
                insert.Transaction = transaction;
                insert.CommandText = "INSERT INTO live(name, value) VALUES($name, $value)";
                insert.Parameters.AddWithValue("$name", name);
                insert.Parameters.AddWithValue("$value", value);
                insert.ExecuteNonQuery();
            }

            transaction.Commit();
        }

        // Without its -wal file, so that one rename publishes all of it; WAL mode is a property of the file and stays.
        IndexSchema.Execute(connection, "PRAGMA wal_checkpoint(TRUNCATE);");
    }

    private static void Stamp(SqliteConnection connection, SqliteTransaction transaction, string select, string update,
        Func<SqliteDataReader, byte[]> digest)
    {
        var stamps = new List<(long Row, byte[] Digest)>();
        using (SqliteCommand command = connection.CreateCommand())
        {
            command.Transaction = transaction;
            command.CommandText = select;
            using SqliteDataReader reader = command.ExecuteReader();
            while (reader.Read())
            {
                stamps.Add((reader.GetInt64(0), digest(reader)));
            }
        }

        using SqliteCommand write = connection.CreateCommand();
        write.Transaction = transaction;
        write.CommandText = update;
        SqliteParameter row = write.Parameters.Add("$row", SqliteType.Integer);
        SqliteParameter value = write.Parameters.Add("$digest", SqliteType.Blob);
        foreach ((long stamped, byte[] bytes) in stamps)
        {
            (row.Value, value.Value) = (stamped, bytes);
            write.ExecuteNonQuery();
        }
    }

    private static int Count(SqliteConnection connection, string table)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = $"SELECT count(*) FROM {table}";
        return Convert.ToInt32(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }
}
