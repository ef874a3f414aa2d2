using System.Text;
using System.Text.Json;
using PixSearch.Abstractions;

namespace PixSearch.Evaluation;

/// <summary>
/// The records of one mode on disk, so that a run that was interrupted goes on where it was. The first line says what
/// was run; a file of another run is refused, not mixed in.
/// </summary>
public sealed class QaLog : IDisposable
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        // Answers in any script stay readable in the file.
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly FileStream _stream;
    private readonly Dictionary<string, QaRecord> _records = new(StringComparer.Ordinal);

    private QaLog(FileStream stream) => _stream = stream;

    /// <summary>Records so far, by sample.</summary>
    public IReadOnlyDictionary<string, QaRecord> Records => _records;

    /// <summary>Opens or makes a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="run">What is run: data set, model, index, mode and settings; compared as it is.</param>
    /// <exception cref="PixException">The file is of another run.</exception>
    public static QaLog Open(string path, string run)
    {
        string? folder = Path.GetDirectoryName(Path.GetFullPath(path));
        Directory.CreateDirectory(folder!);
        var log = new QaLog(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read));
        try
        {
            log.Recover(path, run);
            return log;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>Appends a record; it is with the operating system when the call returns.</summary>
    public void Append(QaRecord record)
    {
        _records[record.Id] = record;
        WriteLine(JsonSerializer.Serialize(record, s_json));
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _stream.Dispose();

    private void Recover(string path, string run)
    {
        var bytes = new byte[_stream.Length];
        _stream.ReadExactly(bytes);
        string header = JsonSerializer.Serialize(new { run }, s_json);
        int valid = 0;
        for (int line = 0; valid < bytes.Length; line++)
        {
            int end = Array.IndexOf(bytes, (byte)'\n', valid);
            if (end < 0)
            {
                break;
            }

            string text = Encoding.UTF8.GetString(bytes, valid, end - valid);
            if (line == 0 && text != header)
            {
                throw new PixException(PixErrorKind.InvalidArgument, $"{path} holds the answers of another run: "
                    + "give another folder with --out, or delete the file.");
            }

            if (line > 0 && !TryAdd(text))
            {
                break;
            }

            valid = end + 1;
        }

        // A line that was cut off when the process died is dropped; its question is asked again.
        _stream.SetLength(valid);
        _stream.Position = valid;
        if (valid == 0)
        {
            WriteLine(header);
        }
    }

    private bool TryAdd(string text)
    {
        try
        {
            QaRecord record = JsonSerializer.Deserialize<QaRecord>(text, s_json)!;
            _records[record.Id] = record;
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private void WriteLine(string text)
    {
        _stream.Write(Encoding.UTF8.GetBytes(text + "\n"));
        _stream.Flush();
    }
}
