namespace PixSearch.Inference.Engine;

/// <summary>Rows of one session in a step: prefill, a chunk of it, evidence or one decoded token are all the
/// same.</summary>
internal readonly record struct StepItem(EngineSession Session, int Count)
{
    /// <summary>Whether the session's next token is chosen from this step's logits.</summary>
    public bool Samples => Session.Machine.Next == Sessions.SessionAction.Decode
        && Session.Computed + Count == Session.Machine.SlotCount;
}

/// <summary>What one step does, as data. Reused from step to step.</summary>
internal sealed class StepPlan
{
    /// <summary>Sessions whose rows are computed.</summary>
    public List<StepItem> Items { get; } = [];

    /// <summary>Sessions whose spans and masks are decoded.</summary>
    public List<EngineSession> Masks { get; } = [];

    /// <summary>Rows of all items.</summary>
    public int RowCount { get; set; }

    /// <summary>Nothing to do.</summary>
    public bool IsEmpty => Items.Count == 0 && Masks.Count == 0;

    public void Clear()
    {
        foreach (StepItem item in Items)
        {
            item.Session.Planned = false;
        }

        foreach (EngineSession session in Masks)
        {
            session.Planned = false;
        }

        Items.Clear();
        Masks.Clear();
        RowCount = 0;
    }
}
