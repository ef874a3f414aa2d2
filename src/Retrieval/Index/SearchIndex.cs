using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using PixSearch.Abstractions;
using SQLitePCL;

namespace PixSearch.Retrieval;

/// <summary>
/// An index folder opened for searching: text by BM25 in SQLite, vectors by exact search in memory. Safe for any number
/// of threads; a search never waits for another.
/// </summary>
public sealed class SearchIndex : IDisposable
{
    /// <summary>Databases up to this size are hashed when opened (about 30 ms); larger ones only on request.</summary>
    private const long HashBytesMax = 64 << 20;

    /// <summary>Idle connections kept; more may be open at once, each is closed after its search.</summary>
    private const int IdleConnectionsMax = 16;

    private readonly ConcurrentBag<SqliteConnection> _idle = [];
    private readonly string _database;
    private readonly int[] _documentOfVector;
    private volatile bool _disposed;

    private SearchIndex(string directory, IndexManifest manifest, string database)
    {
        (Directory, Manifest, _database) = (directory, manifest, database);
        (_documentOfVector, Vectors) = LoadVectors();
    }

    /// <summary>The folder.</summary>
    public string Directory { get; }

    /// <summary>What the folder says about itself.</summary>
    public IndexManifest Manifest { get; }

    /// <summary>The vectors; null for an index without pictures.</summary>
    public VectorTable? Vectors { get; }

    /// <summary>Opens an index.</summary>
    /// <param name="directory">The folder.</param>
    /// <param name="encoder">The encoder that will make queries; null when only text is searched.</param>
    /// <param name="verify">Hash the database even when it is large.</param>
    /// <exception cref="PixException">NotFound: no index there. BrokenArtifact: damaged, or built by another
    /// encoder.</exception>
    public static SearchIndex Open(string directory, IRegionEncoder? encoder, bool verify = false)
    {
        IndexManifest manifest = IndexManifest.Read(directory);
        if (encoder is not null && manifest.Vectors > 0 &&
            (manifest.EncoderFingerprint != encoder.Fingerprint || manifest.Dimension != encoder.Dimension))
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"The index {directory} was built by encoder "
                + $"{manifest.EncoderName} ({manifest.EncoderFingerprint}), not by "
                + $"{encoder.Name} ({encoder.Fingerprint}): "
                + "build it again with this encoder, or give the other model.");
        }

        string database = Path.Combine(directory, IndexManifest.DatabaseName);
        CheckFile(database, manifest, verify);
        try
        {
            return new SearchIndex(directory, manifest, database);
        }
        catch (SqliteException error)
        {
            throw Damaged(database, error.Message, error);
        }
    }

    /// <summary>
    /// Documents that hold all words of the text, best first; when there are none, documents that hold some. Stop words
    /// do not count. A text without words finds nothing.
    /// </summary>
    /// <param name="text">Any text of any length.</param>
    /// <param name="count">Most hits, at least 1.</param>
    /// <param name="cancellation">Interrupts SQLite.</param>
    public IReadOnlyList<EvidenceHit> SearchText(string text, int count, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        IReadOnlyList<string> words = LexicalQuery.Words(text);
        if (words.Count == 0)
        {
            return [];
        }

        return WithConnection(cancellation, connection =>
        {
            IReadOnlyList<EvidenceHit> hits = RunText(connection, LexicalQuery.All(words), count);
            return hits.Count > 0 || words.Count == 1 ? hits : RunText(connection, LexicalQuery.Any(words), count);
        });
    }

    /// <summary>Documents whose picture is nearest, best first.</summary>
    /// <param name="vector">Unit vector. Shape: [dimension].</param>
    /// <param name="count">Most hits, at least 1.</param>
    /// <param name="leg">What the vector was made of.</param>
    /// <param name="cancellation">Stops the scan.</param>
    public IReadOnlyList<EvidenceHit> SearchVector(float[] vector, int count, SearchModality leg,
        CancellationToken cancellation = default)
    {
        if (Vectors is null)
        {
            return [];
        }

        IReadOnlyList<Neighbour> neighbours = Vectors.Search(vector, count, cancellation);
        return WithConnection(cancellation, connection =>
        {
            var hits = new List<EvidenceHit>(neighbours.Count);
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = IndexSchema.SelectDocument;
            SqliteParameter row = command.Parameters.Add("$row", SqliteType.Integer);
            foreach (Neighbour neighbour in neighbours)
            {
                row.Value = _documentOfVector[neighbour.Row];
                using SqliteDataReader reader = command.ExecuteReader();
                if (!reader.Read())
                {
                    throw Damaged(_database, $"vector {neighbour.Row} belongs to no document", null);
                }

                hits.Add(
                    new EvidenceHit(reader.GetString(1), reader.GetString(2), reader.GetString(3), neighbour.Score,
                    leg));
            }

            return (IReadOnlyList<EvidenceHit>)hits;
        });
    }

    /// <summary>Closes the idle connections; searches under way end first with theirs.</summary>
    public void Dispose()
    {
        _disposed = true;
        while (_idle.TryTake(out SqliteConnection? connection))
        {
            connection.Dispose();
        }
    }

    private static List<EvidenceHit> RunText(SqliteConnection connection, string query, int count)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = IndexSchema.SearchText;
        command.Parameters.AddWithValue("$query", query);
        command.Parameters.AddWithValue("$count", count);
        using SqliteDataReader reader = command.ExecuteReader();
        var hits = new List<EvidenceHit>();
        while (reader.Read())
        {
            hits.Add(new EvidenceHit(reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetFloat(4),
                SearchModality.Text));
        }

        return hits;
    }

    private T WithConnection<T>(CancellationToken cancellation, Func<SqliteConnection, T> search)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellation.ThrowIfCancellationRequested();
        SqliteConnection connection = _idle.TryTake(out SqliteConnection? idle) ? idle
            : IndexSchema.OpenForSearch(_database);
        bool healthy = false;
        try
        {
            // SqliteCommand.Cancel does nothing; sqlite3_interrupt stops a running statement from another thread.
            using (cancellation.Register(() => raw.sqlite3_interrupt(connection.Handle)))
            {
                T result = search(connection);
                healthy = true;
                return result;
            }
        }
        catch (SqliteException error) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException("The search was cancelled.", error, cancellation);
        }
        catch (SqliteException error)
        {
            throw Damaged(_database, error.Message, error);
        }
        finally
        {
            if (healthy && !_disposed && _idle.Count < IdleConnectionsMax)
            {
                _idle.Add(connection);
            }
            else
            {
                connection.Dispose();
            }
        }
    }

    private (int[] DocumentOfVector, VectorTable? Vectors) LoadVectors()
    {
        using SqliteConnection connection = IndexSchema.OpenForSearch(_database);
        using SqliteCommand count = connection.CreateCommand();
        count.CommandText = "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM vectors)";
        using (SqliteDataReader reader = count.ExecuteReader())
        {
            reader.Read();
            if (reader.GetInt32(0) != Manifest.Documents || reader.GetInt32(1) != Manifest.Vectors)
            {
                throw Damaged(_database, $"it holds {reader.GetInt32(0)} documents and {reader.GetInt32(1)} vectors, "
                    + $"{IndexManifest.FileName} says {Manifest.Documents} and {Manifest.Vectors}", null);
            }
        }

        if (Manifest.Vectors == 0)
        {
            return ([], null);
        }

        int dimension = Manifest.Dimension;
        if ((long)Manifest.Vectors * dimension > Array.MaxLength)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"{Directory} holds {Manifest.Vectors} vectors of {dimension}; one "
                + $"index holds at most {Array.MaxLength / dimension}: split the knowledge base.");
        }

        var documents = new int[Manifest.Vectors];
        var vectors = new float[Manifest.Vectors * dimension];
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT row, vector FROM vectors ORDER BY row";
        using SqliteDataReader rows = command.ExecuteReader();
        for (int i = 0; rows.Read(); i++)
        {
            documents[i] = rows.GetInt32(0);
            ReadOnlySpan<byte> bytes = rows.GetFieldValue<byte[]>(1);
            Span<float> vector = vectors.AsSpan(i * dimension, dimension);
            if (bytes.Length != dimension * sizeof(float))
            {
                throw Damaged(_database, $"a vector has {bytes.Length} bytes, not {dimension * sizeof(float)}", null);
            }

            MemoryMarshal.Cast<byte, float>(bytes).CopyTo(vector);
            if (!(Math.Abs(System.Numerics.Tensors.TensorPrimitives.Norm<float>(vector) - 1) < 1e-2f))
            {
                throw Damaged(_database, $"the vector of row {documents[i]} does not have length 1", null);
            }
        }

        return (documents, new VectorTable(vectors, dimension));
    }

    private static void CheckFile(string database, IndexManifest manifest, bool verify)
    {
        var file = new FileInfo(database);
        if (!file.Exists)
        {
            throw Damaged(database, "it is missing", null);
        }

        if (file.Length != manifest.DatabaseBytes)
        {
            throw Damaged(database,
                $"it has {file.Length} bytes, {IndexManifest.FileName} says {manifest.DatabaseBytes}", null);
        }

        if ((verify || file.Length <= HashBytesMax) && IndexBuilder.HashFile(database) != manifest.DatabaseSha256)
        {
            throw Damaged(database, $"its SHA-256 is not the one in {IndexManifest.FileName}", null);
        }
    }

    private static PixException Damaged(string path, string what, Exception? inner) => new(PixErrorKind.BrokenArtifact,
        $"The index file {path} is damaged: {what}; build the index again with 'px index build'.", inner);
}
