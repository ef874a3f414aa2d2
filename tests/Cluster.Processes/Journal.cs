using System.Globalization;
using Xunit.Abstractions;

namespace PixSearch.Cluster.Processes;

/// <summary>
/// What processes wrote and what tests did to them, in order and with the time of day; a test that fails shows its
/// part of it.
/// </summary>
internal sealed class Journal
{
    // Orleans writes an exception with all of its stacks into one line.
    private const int LineMax = 300;

    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];

    public void Note(string who, string what)
    {
        DateTime at = DateTime.UtcNow; // tidy: shown to people only
        string now = at.ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture);
        lock (_gate)
        {
            _lines.Add($"{now} {who}: {(what.Length > LineMax ? what[..LineMax] : what)}");
        }
    }

    /// <summary>Hands over the lines since the last time.</summary>
    public void MoveTo(ITestOutputHelper output)
    {
        string[] lines;
        lock (_gate)
        {
            lines = [.. _lines];
            _lines.Clear();
        }

        foreach (string line in lines)
        {
            output.WriteLine(line);
        }
    }
}
