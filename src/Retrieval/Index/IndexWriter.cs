using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using PixSearch.Abstractions;
using PixSearch.Imaging;

namespace PixSearch.Retrieval;

/// <summary>
/// Adds documents to an index that is being searched. Documents go in batches: a batch is one transaction, which is on
/// the disk before its documents count as added, and found by every search that begins after it. An index has one
/// writer at a time, in one process.
/// </summary>
/// <param name="index">The open index, which stays the caller's.</param>
/// <param name="encoder">Encodes pictures; null for an index of text alone.</param>
/// <param name="decode">Decodes picture files.</param>
public sealed class IndexWriter(SearchIndex index, IRegionEncoder? encoder, PictureDecoder decode) : IDisposable
{
    /// <summary>Documents in one transaction: a sync takes about as long as inserting some hundred.</summary>
    private const int BatchDocuments = 256;

    /// <summary>Pictures in one transaction: one batch of the encoder.</summary>
    private const int BatchPictures = 16;

    private const int ErrorsMax = 20;
    private const int IdCharactersMax = 128;
    private const int TitleCharactersMax = 512;
    private const int TextCharactersMax = 65_536;

    private readonly SemaphoreSlim _turn = new(1);
    private FileStream? _lock;
    private SqliteConnection? _connection;
    private int _lastRow;

    /// <summary>
    /// Adds or replaces documents. Batches that were added stay, whatever happens after them: sending the same
    /// documents again changes nothing.
    /// </summary>
    /// <exception cref="PixException">PermissionDenied: the folder cannot be written, or another process adds to this
    /// index. Unavailable: the disk is full or failed; what was added before stays.</exception>
    public async Task<IngestReport> IngestAsync(IAsyncEnumerable<IndexDocument> documents,
        CancellationToken cancellation)
    {
        var tally = new Tally();
        var batch = new List<Pending>();
        int pictures = 0;
        int number = 0;
        await foreach (IndexDocument document in documents.WithCancellation(cancellation).ConfigureAwait(false))
        {
            number++;
            if (TryPrepare(document, number, tally, out Pending pending))
            {
                batch.Add(pending);
                pictures += pending.Picture is null ? 0 : 1;
            }

            if (batch.Count == BatchDocuments || pictures == BatchPictures)
            {
                await AddAsync(batch, tally, cancellation).ConfigureAwait(false);
                pictures = 0;
            }
        }

        await AddAsync(batch, tally, cancellation).ConfigureAwait(false);
        return new IngestReport(tally.Added, tally.Refused, tally.Errors);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _connection?.Dispose();
        _lock?.Dispose();
        _turn.Dispose();
    }

    private bool TryPrepare(IndexDocument document, int number, Tally tally, out Pending pending)
    {
        pending = default;
        string name = document.Id is { Length: > 0 and <= IdCharactersMax } id ? $"\"{id}\"" : $"number {number}";
        try
        {
            Check("id", document.Id, IdCharactersMax);
            Check("title", document.Title, TitleCharactersMax);
            Check("text", document.Text, TextCharactersMax, min: 0);
            if (!document.Picture.IsEmpty && encoder is null)
            {
                throw new PixException(PixErrorKind.InvalidArgument,
                    "it has a picture, but the index is of text alone");
            }

            RgbImage? picture = document.Picture.IsEmpty ? null : decode(document.Picture.Span);
            pending = new Pending(document, picture);
            return true;
        }
        catch (PixException error) when (error.Kind is PixErrorKind.InvalidArgument or PixErrorKind.InvalidPicture)
        {
            tally.Refuse($"Document {name}: {error.Message}");
            return false;
        }

        static void Check(string what, string value, int max, int min = 1)
        {
            if (value.Length < min || value.Length > max || value.Contains('\0', StringComparison.Ordinal))
            {
                throw new PixException(PixErrorKind.InvalidArgument,
                    $"its {what} has {value.Length} characters; it must have {min} to {max}, and no NUL");
            }
        }
    }

    private async Task AddAsync(List<Pending> batch, Tally tally, CancellationToken cancellation)
    {
        if (batch.Count == 0)
        {
            return;
        }

        // A batch is either added or not: encoding and writing are not cancelled half way.
        await _turn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            await Task.Run(() => Add(batch), CancellationToken.None).ConfigureAwait(false);
            tally.Added += batch.Count;
        }
        finally
        {
            batch.Clear();
            _turn.Release();
        }
    }

    private void Add(List<Pending> batch)
    {
        Open();
        float[] vectors = EncodePictures(batch);
        var removed = new List<int>();
        var added = new List<(int Row, float[] Vector)>();
        IndexManifest manifest = index.Manifest;
        int dimension = encoder?.Dimension ?? 0;
        int documents = manifest.Documents;
        int pictures = manifest.Vectors;
        int row = _lastRow;
        int at = 0;
        try
        {
            using SqliteTransaction transaction = _connection!.BeginTransaction();
            foreach (Pending pending in batch)
            {
                if (Remove(transaction, pending.Document.Id, out bool hadVector) is { } old)
                {
                    removed.Add(old);
                    added.RemoveAll(one => one.Row == old);
                    documents--;
                    pictures -= hadVector ? 1 : 0;
                }

                Insert(transaction, ++row, pending.Document);
                documents++;
                if (pending.Picture is not null)
                {
                    float[] vector = vectors[(at * dimension)..((at + 1) * dimension)];
                    at++;
                    InsertVector(transaction, row, vector);
                    added.Add((row, vector));
                    pictures++;
                }
            }

            transaction.Commit();
        }
        catch (SqliteException error)
        {
            throw new PixException(PixErrorKind.Unavailable,
                $"The index {index.Directory} could not be written ({error.Message}); the documents of this batch were "
                + "not added, those before it were.", error);
        }

        _lastRow = row;
        index.Publish(removed, added, manifest with { Documents = documents, Vectors = pictures });
    }

    private float[] EncodePictures(List<Pending> batch)
    {
        RgbImage[] pictures = [.. batch.Where(one => one.Picture is not null).Select(one => one.Picture!)];
        return pictures.Length == 0 ? [] : encoder!.Encode(pictures);
    }

    /// <summary>The first document makes the index a live one.</summary>
    private void Open()
    {
        if (_connection is not null)
        {
            return;
        }

        _lock ??= TakeLock();
        if (!index.IsLive)
        {
            LiveDatabase.Create(index.Directory, index.Manifest, encoder);
        }

        SqliteConnection connection = IndexSchema.OpenForBuild(LiveDatabase.PathIn(index.Directory));
        try
        {
            // FULL: a commit waits until its log is on the disk.
            IndexSchema.Execute(connection, "PRAGMA synchronous=FULL; PRAGMA busy_timeout=10000;");
            index.GoLive(LiveDatabase.ReadManifest(connection, IndexManifest.Read(index.Directory),
                LiveDatabase.PathIn(index.Directory)));
            using SqliteCommand last = connection.CreateCommand();
            last.CommandText = "SELECT coalesce(max(row), 0) FROM documents";
            _lastRow = Convert.ToInt32(last.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture);
            _connection = connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private FileStream TakeLock()
    {
        string path = Path.Combine(index.Directory, LiveDatabase.LockName);
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PixException(PixErrorKind.PermissionDenied,
                $"The index {index.Directory} cannot take documents: another process adds to it, or its folder cannot "
                + $"be written ({error.Message}).", error);
        }
    }

    private int? Remove(SqliteTransaction transaction, string id, out bool hadVector)
    {
        hadVector = false;
        int row;
        string title;
        string text;
        using (SqliteCommand find = Command(transaction, "SELECT row, title, text FROM documents WHERE id = $id",
            ("$id", id)))
        {
            using SqliteDataReader reader = find.ExecuteReader();
            if (!reader.Read())
            {
                return null;
            }

            (row, title, text) = (reader.GetInt32(0), reader.GetString(1), reader.GetString(2));
        }

        // Postings of an external-content table are taken back with the text that made them.
        Run(transaction, "INSERT INTO documents_fts(documents_fts, rowid, title, text) "
            + "VALUES('delete', $row, $title, $text)", ("$row", row), ("$title", title), ("$text", text));
        using (SqliteCommand vector = Command(transaction, "DELETE FROM vectors WHERE row = $row", ("$row", row)))
        {
            hadVector = vector.ExecuteNonQuery() > 0;
        }

        Run(transaction, "DELETE FROM documents WHERE row = $row", ("$row", row));
        return row;
    }

    private void Insert(SqliteTransaction transaction, int row, IndexDocument document)
    {
        Run(transaction, "INSERT INTO documents(row, id, title, text, entity, digest) "
            + "VALUES($row, $id, $title, $text, NULL, $digest)", ("$row", row), ("$id", document.Id),
            ("$title", document.Title), ("$text", document.Text),
            ("$digest", LiveDatabase.Digest(document.Id, document.Title, document.Text)));
        Run(transaction, "INSERT INTO documents_fts(rowid, title, text) VALUES($row, $title, $text)", ("$row", row),
            ("$title", document.Title), ("$text", document.Text));
    }

    private void InsertVector(SqliteTransaction transaction, int row, float[] vector)
    {
        byte[] bytes = MemoryMarshal.AsBytes(vector.AsSpan()).ToArray();
        Run(transaction, "INSERT INTO vectors(row, vector, digest) VALUES($row, $vector, $digest)", ("$row", row),
            ("$vector", bytes), ("$digest", LiveDatabase.Digest(bytes)));
    }

    private void Run(SqliteTransaction transaction, string sql, params ReadOnlySpan<(string Name, object Value)> values)
    {
        using SqliteCommand command = Command(transaction, sql, values);
        command.ExecuteNonQuery();
    }

    private SqliteCommand Command(SqliteTransaction transaction, string sql,
        params ReadOnlySpan<(string Name, object Value)> values)
    {
        SqliteCommand command = _connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        foreach ((string name, object value) in values)
        {
            command.Parameters.AddWithValue(name, value);
        }

        return command;
    }

    private readonly record struct Pending(IndexDocument Document, RgbImage? Picture);

    private sealed class Tally
    {
        public int Added { get; set; }

        public int Refused { get; private set; }

        public List<string> Errors { get; } = [];

        public void Refuse(string why)
        {
            Refused++;
            if (Errors.Count < ErrorsMax)
            {
                Errors.Add(why);
            }
        }
    }
}
