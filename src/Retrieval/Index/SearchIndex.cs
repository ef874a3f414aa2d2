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
    private readonly LiveVectors _vectors;
    private volatile string _database;
    private volatile bool _live;
    private volatile bool _disposed;
    private long _generation;

    private SearchIndex(string directory, IndexManifest manifest, string database, bool live, bool verify)
    {
        (Directory, _database, _live) = (directory, database, live);
        if (live && (verify || new FileInfo(database).Length <= HashBytesMax))
        {
            LiveDatabase.Check(database);
        }

        using SqliteConnection connection = IndexSchema.OpenForSearch(database);
        Manifest = live ? LiveDatabase.ReadManifest(connection, manifest, database) : manifest;
        _vectors = LoadVectors(connection);
    }

    /// <summary>The folder.</summary>
    public string Directory { get; }

    /// <summary>What the folder says about itself, with what was added since.</summary>
    public IndexManifest Manifest { get; private set; }

    /// <summary>Whether documents were added after the index was built.</summary>
    public bool IsLive => _live;

    /// <summary>Grows whenever a search may find something else than before.</summary>
    public long Generation => Interlocked.Read(ref _generation);

    /// <summary>The vectors; null for an index without pictures.</summary>
    public VectorTable? Vectors => _vectors.Table;

    /// <summary>Opens an index.</summary>
    /// <param name="directory">The folder.</param>
    /// <param name="encoder">The encoder that will make queries; null when only text is searched.</param>
    /// <param name="verify">Hash the database even when it is large.</param>
    /// <exception cref="PixException">NotFound: no index there. BrokenArtifact: damaged, or built by another
    /// encoder.</exception>
    public static SearchIndex Open(string directory, IRegionEncoder? encoder, bool verify = false)
    {
        IndexManifest manifest = IndexManifest.Read(directory);
        bool live = File.Exists(LiveDatabase.PathIn(directory));
        string database = live ? LiveDatabase.PathIn(directory) : Path.Combine(directory, IndexManifest.DatabaseName);
        if (!live)
        {
            CheckFile(database, manifest, verify);
        }

        SearchIndex? index = null;
        try
        {
            index = new SearchIndex(directory, manifest, database, live, verify);
            index.CheckEncoder(encoder);
            return index;
        }
        catch (SqliteException error)
        {
            throw Damaged(database, error.Message, error);
        }
        catch
        {
            index?.Dispose();
            throw;
        }
    }

    /// <summary>Searches go to the live database from now on. Called by the one writer, before anything is added.
    /// </summary>
    internal void GoLive(IndexManifest manifest)
    {
        Manifest = manifest;
        _vectors.Use(manifest.Dimension);
        _database = LiveDatabase.PathIn(Directory);
        _live = true;

        // Connections to the finished database; those in use are closed when their search ends.
        while (_idle.TryTake(out SqliteConnection? connection))
        {
            connection.Dispose();
        }
    }

    /// <summary>Makes a committed batch found. Called by the one writer.</summary>
    /// <param name="removed">Rows that are gone.</param>
    /// <param name="added">Rows with vectors.</param>
    /// <param name="manifest">The counts now.</param>
    internal void Publish(IEnumerable<int> removed, IEnumerable<(int Row, float[] Vector)> added,
        IndexManifest manifest)
    {
        foreach (int row in removed)
        {
            _vectors.Remove(row);
        }

        foreach ((int row, float[] vector) in added)
        {
            _vectors.Add(row, vector);
        }

        _vectors.Publish();
        Manifest = manifest;
        Interlocked.Increment(ref _generation);
    }

    private void CheckEncoder(IRegionEncoder? encoder)
    {
        IndexManifest manifest = Manifest;
        if (encoder is not null && manifest.Dimension > 0 &&
            (manifest.EncoderFingerprint != encoder.Fingerprint || manifest.Dimension != encoder.Dimension))
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"The index {Directory} was built by encoder "
                + $"{manifest.EncoderName} ({manifest.EncoderFingerprint}), not by "
                + $"{encoder.Name} ({encoder.Fingerprint}): "
                + "build it again with this encoder, or give the other model.");
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

        return WithConnection(cancellation, (connection, live) =>
        {
            IReadOnlyList<EvidenceHit> hits = RunText(connection, live, LexicalQuery.All(words), count);
            return hits.Count > 0 || words.Count == 1
                ? hits
                : RunText(connection, live, LexicalQuery.Any(words), count);
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
        if (Vectors is not { } table)
        {
            return [];
        }

        IReadOnlyList<Neighbour> neighbours = table.Search(vector, count, cancellation);
        return WithConnection(cancellation, (connection, live) =>
        {
            var hits = new List<EvidenceHit>(neighbours.Count);
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = live ? LiveDatabase.SelectDocument : IndexSchema.SelectDocument;
            SqliteParameter row = command.Parameters.Add("$row", SqliteType.Integer);
            foreach (Neighbour neighbour in neighbours)
            {
                row.Value = table.DocumentOf(neighbour.Row);
                using SqliteDataReader reader = command.ExecuteReader();
                if (reader.Read())
                {
                    hits.Add(Hit(reader, neighbour.Score, leg, live ? 5 : null));
                }
                else if (!live)
                {
                    throw Damaged(_database, $"vector {neighbour.Row} belongs to no document", null);
                }

                // In a live index a document may be replaced between the scan and this line.
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

    private List<EvidenceHit> RunText(SqliteConnection connection, bool live, string query, int count)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = live ? LiveDatabase.SearchText : IndexSchema.SearchText;
        command.Parameters.AddWithValue("$query", query);
        command.Parameters.AddWithValue("$count", count);
        using SqliteDataReader reader = command.ExecuteReader();
        var hits = new List<EvidenceHit>();
        while (reader.Read())
        {
            hits.Add(Hit(reader, reader.GetFloat(4), SearchModality.Text, live ? 5 : null));
        }

        return hits;
    }

    /// <summary>A hit of a row (number, id, title, text, …); its digest is checked where there is one.</summary>
    private EvidenceHit Hit(SqliteDataReader reader, float score, SearchModality leg, int? digestColumn)
    {
        var hit = new EvidenceHit(reader.GetString(1), reader.GetString(2), reader.GetString(3), score, leg);
        if (digestColumn is { } column && !reader.GetFieldValue<byte[]>(column).AsSpan()
            .SequenceEqual(LiveDatabase.Digest(hit.DocumentId, hit.Title, hit.Snippet)))
        {
            throw Damaged(_database, $"the document of row {reader.GetInt32(0)} is not what was added", null);
        }

        return hit;
    }

    private T WithConnection<T>(CancellationToken cancellation, Func<SqliteConnection, bool, T> search)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellation.ThrowIfCancellationRequested();
        string database = _database;
        bool live = _live && database == LiveDatabase.PathIn(Directory);
        SqliteConnection connection = IdleOf(database) ?? IndexSchema.OpenForSearch(database);
        bool healthy = false;
        try
        {
            // SqliteCommand.Cancel does nothing; sqlite3_interrupt stops a running statement from another thread.
            using (cancellation.Register(() => raw.sqlite3_interrupt(connection.Handle)))
            {
                T result = search(connection, live);
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
            if (healthy && !_disposed && database == _database && _idle.Count < IdleConnectionsMax)
            {
                _idle.Add(connection);
            }
            else
            {
                connection.Dispose();
            }
        }
    }

    private SqliteConnection? IdleOf(string database)
    {
        while (_idle.TryTake(out SqliteConnection? connection))
        {
            if (connection.DataSource == database)
            {
                return connection;
            }

            connection.Dispose();
        }

        return null;
    }

    private LiveVectors LoadVectors(SqliteConnection connection)
    {
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

        int dimension = Manifest.Dimension;
        var vectors = new LiveVectors();
        vectors.Use(dimension);
        if (Manifest.Vectors == 0)
        {
            return vectors;
        }

        if ((long)Manifest.Vectors * dimension > Array.MaxLength)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"{Directory} holds {Manifest.Vectors} vectors of {dimension}; one "
                + $"index holds at most {Array.MaxLength / dimension}: split the knowledge base.");
        }

        vectors.Reserve(Manifest.Vectors);
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = $"SELECT row, vector{(_live ? ", digest" : "")} FROM vectors ORDER BY row";
        using SqliteDataReader rows = command.ExecuteReader();
        while (rows.Read())
        {
            vectors.Add(rows.GetInt32(0), ReadVector(rows, dimension));
        }

        vectors.Publish();
        return vectors;
    }

    private ReadOnlySpan<float> ReadVector(SqliteDataReader rows, int dimension)
    {
        byte[] bytes = rows.GetFieldValue<byte[]>(1);
        if (bytes.Length != dimension * sizeof(float))
        {
            throw Damaged(_database, $"a vector has {bytes.Length} bytes, not {dimension * sizeof(float)}", null);
        }

        if (_live && !rows.GetFieldValue<byte[]>(2).AsSpan().SequenceEqual(LiveDatabase.Digest(bytes)))
        {
            throw Damaged(_database, $"the vector of row {rows.GetInt32(0)} is not what was added", null);
        }

        ReadOnlySpan<float> vector = MemoryMarshal.Cast<byte, float>(bytes);
        return Math.Abs(System.Numerics.Tensors.TensorPrimitives.Norm(vector) - 1) < 1e-2f
            ? vector
            : throw Damaged(_database, $"the vector of row {rows.GetInt32(0)} does not have length 1", null);
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
