using System.Text.Json;
using PixSearch.Abstractions;

namespace PixSearch.Retrieval;

/// <summary>
/// A folder of documents: <c>documents.jsonl</c>, one <c>{"id","title","text","picture","entity"}</c> a line, and the
/// pictures that it names. Errors name file and line.
/// </summary>
/// <param name="directory">The folder.</param>
/// <param name="limits">What it may hold; null for the defaults.</param>
public sealed class KnowledgeBase(string directory, KnowledgeLimits? limits = null)
{
    private readonly KnowledgeLimits _limits = limits ?? new KnowledgeLimits();
    private readonly string _root = Path.GetFullPath(directory);

    /// <summary>Name of the file that lists the documents.</summary>
    public const string DocumentsFile = "documents.jsonl";

    /// <summary>The file that lists the documents.</summary>
    public string DocumentsPath { get; } = Path.Combine(directory, DocumentsFile);

    /// <summary>The documents in the order of the file.</summary>
    /// <exception cref="PixException">Missing file, bad line, a limit, or an id that comes twice.</exception>
    public IEnumerable<KnowledgeDocument> ReadDocuments()
    {
        var lineOfId = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach ((int line, JsonElement value) in JsonLines.Read(DocumentsPath, _limits.LineBytesMax))
        {
            KnowledgeDocument document = Parse(value, line);
            if (!lineOfId.TryAdd(document.Id, line))
            {
                throw JsonLines.Bad(DocumentsPath, line,
                    $"repeats the id \"{document.Id}\" of line {lineOfId[document.Id]}");
            }

            if (lineOfId.Count > _limits.DocumentsMax)
            {
                throw JsonLines.Bad(DocumentsPath, line,
                    $"is document {lineOfId.Count}; the limit is {_limits.DocumentsMax}");
            }

            yield return document;
        }
    }

    /// <summary>The bytes of a document's picture.</summary>
    /// <exception cref="PixException">The path leaves the folder, or the file is missing, empty or too
    /// large.</exception>
    public byte[] ReadPicture(KnowledgeDocument document)
    {
        if (document.Picture is null)
        {
            throw new ArgumentException($"Document {document.Id} has no picture.", nameof(document));
        }

        // A knowledge base may come from elsewhere: a picture must not be a way to read other files.
        string path = Path.GetFullPath(Path.Combine(_root, document.Picture));
        if (!path.StartsWith(_root + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw JsonLines.Bad(DocumentsPath, document.Line,
                $"names a picture outside the folder: {document.Picture}");
        }

        var file = new FileInfo(path);
        if (!file.Exists)
        {
            throw JsonLines.Bad(DocumentsPath, document.Line,
                $"names a picture that does not exist: {document.Picture}");
        }

        if (file.ResolveLinkTarget(returnFinalTarget: true) is { } target &&
            !target.FullName.StartsWith(_root + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw JsonLines.Bad(DocumentsPath, document.Line,
                $"names a link to a file outside the folder: {document.Picture}");
        }

        return file.Length <= _limits.PictureBytesMax
            ? File.ReadAllBytes(path)
            : throw JsonLines.Bad(DocumentsPath, document.Line,
                $"names a picture of {file.Length} bytes; the limit is {_limits.PictureBytesMax}: {document.Picture}");
    }

    private KnowledgeDocument Parse(JsonElement value, int line)
    {
        string id = JsonLines.RequiredText(value, "id", _limits.IdCharactersMax, DocumentsPath, line);
        string title = JsonLines.RequiredText(value, "title", _limits.TitleCharactersMax, DocumentsPath, line);
        string text = JsonLines.RequiredText(value, "text", _limits.TextCharactersMax, DocumentsPath, line);
        string? picture = JsonLines.OptionalText(value, "picture", 1024, DocumentsPath, line);
        string? entity = JsonLines.OptionalText(value, "entity", _limits.IdCharactersMax, DocumentsPath, line);
        if (id.Length == 0)
        {
            throw JsonLines.Bad(DocumentsPath, line, "has an empty \"id\"");
        }

        return new KnowledgeDocument(id, title, text, picture, entity, line);
    }
}
