using System.Globalization;
using System.Reflection;
using System.Text;

namespace PixSearch.Models.Tokenizers;

/// <summary>
/// Unicode normalisation form C (Unicode Standard Annex 15). Of our own because string.Normalize does nothing in
/// globalization-invariant mode, and servers run in that mode: they need no ICU.
/// </summary>
internal static class UnicodeNfc
{
    private const int HangulBase = 0xAC00;
    private const int LeadBase = 0x1100;
    private const int VowelBase = 0x1161;
    private const int TrailBase = 0x11A7;
    private const int LeadCount = 19;
    private const int VowelCount = 21;
    private const int TrailCount = 28;
    private const int HangulCount = LeadCount * VowelCount * TrailCount;

    private static readonly Dictionary<int, byte> s_classes = [];
    private static readonly Dictionary<int, (int First, int Second)> s_decompositions = [];
    private static readonly Dictionary<(int First, int Second), int> s_compositions = [];
    private static readonly HashSet<int> s_seconds = [];

    static UnicodeNfc() => ReadTable();

    /// <summary>
    /// End of the segment that begins at <paramref name="start"/>: nothing after it changes what is in it.
    /// </summary>
    public static int NextBoundary(string text, int start)
    {
        int at = start + CodePointAt(text, start, out _);
        while (at < text.Length)
        {
            int length = CodePointAt(text, at, out int code);
            // Four Tibetan and Greek signs have class 0 but are written in marks (U+0F73, for one).
            int first = FirstOf(code);
            if (ClassOf(first) == 0 && !s_seconds.Contains(first) && !IsHangulSecond(first))
            {
                break;
            }

            at += length;
        }

        return at;
    }

    /// <summary>Appends the normal form of a segment. Halves of surrogate pairs stay as they are.</summary>
    public static void NormalizeSegment(ReadOnlySpan<char> segment, StringBuilder normalized)
    {
        var codes = new List<int>(segment.Length);
        for (int at = 0; at < segment.Length;)
        {
            at += CodePointAt(segment, at, out int code);
            Decompose(code, codes);
        }

        Order(codes);
        Compose(codes);
        Span<char> units = stackalloc char[2];
        foreach (int code in codes)
        {
            int length = Rune.TryCreate(code, out Rune rune) ? rune.EncodeToUtf16(units) : 1;
            units[0] = length == 1 ? (char)code : units[0];
            normalized.Append(units[..length]);
        }
    }

    /// <summary>Canonical combining class; 0 for characters that begin a sequence.</summary>
    internal static byte ClassOf(int code) => code < 0x300 ? (byte)0 : s_classes.GetValueOrDefault(code);

    private static int FirstOf(int code)
    {
        while (s_decompositions.TryGetValue(code, out (int First, int Second) parts))
        {
            code = parts.First;
        }

        return code;
    }

    private static bool IsHangulSecond(int code) =>
        code is (>= VowelBase and < VowelBase + VowelCount) or (> TrailBase and < TrailBase + TrailCount);

    private static int CodePointAt(ReadOnlySpan<char> text, int at, out int code)
    {
        if (char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]))
        {
            code = char.ConvertToUtf32(text[at], text[at + 1]);
            return 2;
        }

        code = text[at];
        return 1;
    }

    private static void Decompose(int code, List<int> codes)
    {
        int hangul = code - HangulBase;
        if (hangul is >= 0 and < HangulCount)
        {
            codes.Add(LeadBase + (hangul / (VowelCount * TrailCount)));
            codes.Add(VowelBase + (hangul % (VowelCount * TrailCount) / TrailCount));
            if (hangul % TrailCount != 0)
            {
                codes.Add(TrailBase + (hangul % TrailCount));
            }

            return;
        }

        if (!s_decompositions.TryGetValue(code, out (int First, int Second) parts))
        {
            codes.Add(code);
            return;
        }

        Decompose(parts.First, codes);
        if (parts.Second != 0)
        {
            codes.Add(parts.Second);
        }
    }

    // Marks between two starters in the order of their classes, those of one class as they were.
    private static void Order(List<int> codes)
    {
        for (int start = 0; start < codes.Count;)
        {
            int end = start + 1;
            if (ClassOf(codes[start]) != 0)
            {
                while (end < codes.Count && ClassOf(codes[end]) != 0)
                {
                    end++;
                }

                if (end - start > 1)
                {
                    int[] sorted = [.. codes.GetRange(start, end - start).OrderBy(ClassOf)];
                    for (int i = 0; i < sorted.Length; i++)
                    {
                        codes[start + i] = sorted[i];
                    }
                }
            }

            start = end;
        }
    }

    private static void Compose(List<int> codes)
    {
        int starter = -1;
        int lastClass = 0;
        int kept = 0;
        foreach (int code in codes.ToArray())
        {
            byte combiningClass = ClassOf(code);
            bool adjacent = starter == kept - 1;
            if (starter >= 0 && (adjacent || (lastClass != 0 && lastClass < combiningClass))
                && TryCompose(codes[starter], code, out int composed))
            {
                codes[starter] = composed;
                continue;
            }

            if (combiningClass == 0)
            {
                starter = kept;
            }

            lastClass = combiningClass;
            codes[kept++] = code;
        }

        codes.RemoveRange(kept, codes.Count - kept);
    }

    private static bool TryCompose(int first, int second, out int composed)
    {
        int lead = first - LeadBase;
        int vowel = second - VowelBase;
        if (lead is >= 0 and < LeadCount && vowel is >= 0 and < VowelCount)
        {
            composed = HangulBase + (((lead * VowelCount) + vowel) * TrailCount);
            return true;
        }

        int hangul = first - HangulBase;
        int trail = second - TrailBase;
        if (hangul is >= 0 and < HangulCount && hangul % TrailCount == 0 && trail is > 0 and < TrailCount)
        {
            composed = first + trail;
            return true;
        }

        return s_compositions.TryGetValue((first, second), out composed);
    }

    private static void ReadTable()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("unicode-nfc.txt")
            ?? throw new InvalidOperationException("The table of normal forms is missing from the assembly.");
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            string[] fields = line.Split(' ');
            if (fields[0] == "C")
            {
                for (int code = Hex(fields[1]); code <= Hex(fields[2]); code++)
                {
                    s_classes[code] = byte.Parse(fields[3], CultureInfo.InvariantCulture);
                }
            }
            else if (fields[0] is "D" or "X")
            {
                (int First, int Second) parts = (Hex(fields[2]), fields.Length > 3 ? Hex(fields[3]) : 0);
                s_decompositions[Hex(fields[1])] = parts;
                if (fields[0] == "D")
                {
                    s_compositions[parts] = Hex(fields[1]);
                    s_seconds.Add(parts.Second);
                }
            }
        }
    }

    private static int Hex(string text) =>
        int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
