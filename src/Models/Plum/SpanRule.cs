namespace PixSearch.Models.Plum;

/// <summary>Labels of the span tagger.</summary>
public enum SpanLabel
{
    /// <summary>Not part of a span.</summary>
    Outside = 0,

    /// <summary>First token of a span.</summary>
    Begin = 1,

    /// <summary>A further token of a span.</summary>
    Inside = 2,
}

/// <summary>
/// From labels to spans: Begin opens a span (and closes an open one), Inside extends only an open span, Outside and the
/// end of the sequence close.
/// </summary>
public static class SpanRule
{
    /// <summary>Half-open spans in order.</summary>
    public static IReadOnlyList<Grounding> Spans(ReadOnlySpan<int> labels)
    {
        var spans = new List<Grounding>();
        int start = -1;
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] == (int)SpanLabel.Inside)
            {
                continue; // a stray one has no open span to extend
            }

            if (start >= 0)
            {
                spans.Add(new Grounding(start, i));
            }

            start = labels[i] == (int)SpanLabel.Begin ? i : -1;
        }

        if (start >= 0)
        {
            spans.Add(new Grounding(start, labels.Length));
        }

        return spans;
    }
}
