using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;
using PixSearch.Abstractions;
using PixSearch.Imaging;

namespace PixSearch.Retrieval;

/// <summary>How far a build is.</summary>
/// <param name="Documents">Documents stored.</param>
/// <param name="Pictures">Pictures encoded.</param>
public readonly record struct IndexProgress(int Documents, int Pictures);

/// <summary>Decodes an encoded picture; throws <see cref="PixException"/> for anything that is none.</summary>
public delegate RgbImage PictureDecoder(ReadOnlySpan<byte> file);

/// <summary>
/// Builds an index folder from a knowledge base. The folder appears at once and complete: it is built beside its place
/// under another name and then renamed. The same knowledge base and encoder give the same bytes.
/// </summary>
/// <param name="encoder">Encodes the pictures; null for an index of text alone.</param>
/// <param name="decode">Decodes the picture files.</param>
public sealed class IndexBuilder(IRegionEncoder? encoder, PictureDecoder decode)
{
    /// <summary>Pictures encoded in one batch: enough to fill the cores, little enough to hold decoded.</summary>
    private const int BatchPictures = 16;

    /// <summary>Builds the index.</summary>
    /// <param name="knowledge">What to index.</param>
    /// <param name="directory">Where the index goes: a path that does not exist, is empty, or is an index, which is
    /// replaced.</param>
    /// <param name="progress">Told after each batch; may be null.</param>
    /// <param name="cancellation">Leaves nothing behind.</param>
    /// <exception cref="PixException">The knowledge base is bad (file and line), or the folder holds something
    /// else.</exception>
    public IndexManifest Build(KnowledgeBase knowledge, string directory, IProgress<IndexProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        CheckTarget(target);
        CheckNothingAdded(target);
        string temporary = $"{target}.building-{Guid.NewGuid():N}";
        try
        {
            CreateDirectory(temporary);
            string database = Path.Combine(temporary, IndexManifest.DatabaseName);
            (int documents, int vectors) = BuildDatabase(knowledge, database, progress, cancellation);
            var manifest = new IndexManifest
            {
                Format = IndexManifest.CurrentFormat,
                Documents = documents,
                Vectors = vectors,
                Dimension = vectors > 0 ? encoder!.Dimension : 0,
                EncoderName = vectors > 0 ? encoder!.Name : "",
                EncoderFingerprint = vectors > 0 ? encoder!.Fingerprint : "",
                DatabaseBytes = new FileInfo(database).Length,
                DatabaseSha256 = HashFile(database),
            };
            manifest.Write(temporary);
            Publish(temporary, target);
            return manifest;
        }
        finally
        {
            if (Directory.Exists(temporary))
            {
                Directory.Delete(temporary, recursive: true);
            }
        }
    }

    /// <summary>SHA-256 of a file, lower-case hexadecimal.</summary>
    internal static string HashFile(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private (int Documents, int Vectors) BuildDatabase(KnowledgeBase knowledge, string path,
        IProgress<IndexProgress>? progress,
        CancellationToken cancellation)
    {
        using SqliteConnection connection = IndexSchema.OpenForBuild(path);

        // WAL while it is written (one sync at the checkpoint instead of one a commit); folded back into one plain file
        // at the end, so that a finished index opens from a read-only volume and leaves no side files.
        IndexSchema.Execute(connection,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA application_id=0x50585331;");
        IndexSchema.Execute(connection, IndexSchema.Create);
        (int Documents, int Vectors) counts;
        using (SqliteTransaction transaction = connection.BeginTransaction())
        {
            counts = InsertAll(connection, transaction, knowledge, progress, cancellation);
            transaction.Commit();
        }

        IndexSchema.Execute(connection,
            "INSERT INTO documents_fts(documents_fts) VALUES('optimize'); PRAGMA optimize;");
        IndexSchema.Execute(connection, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE;");
        return counts;
    }

    private (int Documents, int Vectors) InsertAll(SqliteConnection connection, SqliteTransaction transaction,
        KnowledgeBase knowledge, IProgress<IndexProgress>? progress, CancellationToken cancellation)
    {
        using var writer = new RowWriter(connection, transaction);
        var batch = new List<(int Row, KnowledgeDocument Document, RgbImage Picture)>();
        int documents = 0;
        int vectors = 0;
        foreach (KnowledgeDocument document in knowledge.ReadDocuments())
        {
            cancellation.ThrowIfCancellationRequested();
            int row = ++documents;
            writer.WriteDocument(row, document);
            if (encoder is not null && document.Picture is not null)
            {
                batch.Add((row, document, DecodePicture(knowledge, document)));
            }

            if (batch.Count == BatchPictures)
            {
                vectors += Flush();
            }

            if (documents % 256 == 0)
            {
                progress?.Report(new IndexProgress(documents, vectors));
            }
        }

        vectors += Flush();
        progress?.Report(new IndexProgress(documents, vectors));
        return documents > 0
            ? (documents, vectors)
            : throw new PixException(PixErrorKind.InvalidArgument, $"{knowledge.DocumentsPath} holds no documents.");

        int Flush()
        {
            if (batch.Count == 0)
            {
                return 0;
            }

            float[] encoded = encoder!.Encode([.. batch.Select(one => one.Picture)]);
            for (int i = 0; i < batch.Count; i++)
            {
                ReadOnlySpan<float> vector = encoded.AsSpan(i * encoder.Dimension, encoder.Dimension);
                writer.WriteVector(batch[i].Row, vector, batch[i].Document, knowledge);
            }

            int count = batch.Count;
            batch.Clear();
            progress?.Report(new IndexProgress(documents, vectors + count));
            return count;
        }
    }

    private RgbImage DecodePicture(KnowledgeBase knowledge, KnowledgeDocument document)
    {
        byte[] file = knowledge.ReadPicture(document);
        try
        {
            return decode(file);
        }
        catch (PixException error)
        {
            throw new PixException(error.Kind,
                $"{knowledge.DocumentsPath}:{document.Line} names a bad picture: {document.Picture}: {error.Message}",
                error);
        }
    }

    private static void CheckTarget(string target)
    {
        if (File.Exists(target))
        {
            throw new PixException(PixErrorKind.InvalidArgument, $"{target} is a file; an index is a folder.");
        }

        if (Directory.Exists(target) && !File.Exists(Path.Combine(target, IndexManifest.FileName)) &&
            Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"{target} holds files that are no index; it is not overwritten: give --out another folder.");
        }
    }

    private static void CheckNothingAdded(string target)
    {
        if (File.Exists(LiveDatabase.PathIn(target)))
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"{target} holds documents that were added while it was served ({LiveDatabase.FileName}); building "
                + "would lose them: give --out another folder, or delete that file first.");
        }
    }

    private static void CreateDirectory(string path)
    {
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PixException(PixErrorKind.InvalidArgument, $"{path} cannot be created: {error.Message}", error);
        }
    }

    /// <summary>
    /// Readers of the old index keep its open files; between the two renames the path is missing for an instant.
    /// </summary>
    private static void Publish(string temporary, string target)
    {
        string? old = null;
        if (Directory.Exists(target))
        {
            old = $"{target}.old-{Guid.NewGuid():N}";
            Directory.Move(target, old);
        }

        Directory.Move(temporary, target);
        if (old is not null)
        {
            Directory.Delete(old, recursive: true);
        }
    }

    /// <summary>Prepared inserts.</summary>
    private sealed class RowWriter : IDisposable
    {
        private readonly SqliteCommand _document;
        private readonly SqliteCommand _postings;
        private readonly SqliteCommand _vector;

        public RowWriter(SqliteConnection connection, SqliteTransaction transaction)
        {
            _document = Prepare(
                "INSERT INTO documents(row, id, title, text, entity) VALUES($row, $id, $title, $text, $entity)");
            _postings = Prepare("INSERT INTO documents_fts(rowid, title, text) VALUES($row, $title, $text)");
            _vector = Prepare("INSERT INTO vectors(row, vector) VALUES($row, $vector)");

            SqliteCommand Prepare(string sql)
            {
                SqliteCommand command = connection.CreateCommand();
                command.Transaction = transaction;
                command.CommandText = sql;
                return command;
            }
        }

        public void WriteDocument(int row, KnowledgeDocument document)
        {
            Run(_document, ("$row", row), ("$id", document.Id), ("$title", document.Title), ("$text", document.Text),
                ("$entity", (object?)document.Entity ?? DBNull.Value));
            Run(_postings, ("$row", row), ("$title", document.Title), ("$text", document.Text));
        }

        public void WriteVector(int row, ReadOnlySpan<float> vector, KnowledgeDocument document,
            KnowledgeBase knowledge)
        {
            float norm = System.Numerics.Tensors.TensorPrimitives.Norm(vector);
            if (!(Math.Abs(norm - 1) < 1e-3f))
            {
                throw new PixException(PixErrorKind.BrokenArtifact, $"{knowledge.DocumentsPath}:{document.Line} "
                    + $"{document.Picture} was encoded to a vector of length {norm}, not 1: the encoder is damaged.");
            }

            Run(_vector, ("$row", row), ("$vector", MemoryMarshal.AsBytes(vector).ToArray()));
        }

        public void Dispose()
        {
            _document.Dispose();
            _postings.Dispose();
            _vector.Dispose();
        }

        private static void Run(SqliteCommand command, params ReadOnlySpan<(string Name, object Value)> values)
        {
            command.Parameters.Clear();
            foreach ((string name, object value) in values)
            {
                command.Parameters.AddWithValue(name, value);
            }

            command.ExecuteNonQuery();
        }
    }
}
