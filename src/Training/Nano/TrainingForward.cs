using PixSearch.Autodiff;
using PixSearch.Models;
using PixSearch.Models.Plum;
using PixSearch.Models.Text;
using PixSearch.Tensors;
using PixSearch.Training.Loading;
using PixSearch.Training.Losses;
using PixSearch.Training.Settings;

namespace PixSearch.Training.Nano;

/// <summary>
/// The forward pass of training (PixSearch Eq. 6): pictures once, the shared beginning of the prompts once a picture,
/// the questions behind it; then the losses of text, tagger and masks with the true spans (teacher forcing).
/// </summary>
/// <param name="network">The model.</param>
/// <param name="backend">Records the pass.</param>
/// <param name="prefix">Tokens before the picture.</param>
/// <param name="settings">Weights of the losses and size of mask targets.</param>
public sealed class TrainingForward(PixSearchNetwork network, AutodiffBackend backend, int[] prefix,
    TrainingSettings settings)
{
    // PLUM's class weights: almost every token is outside of all spans.
    private const float OutsideWeight = 0.1f;

    // Four patches of five show nothing that has a name.
    private const float NothingWeight = 0.2f;

    /// <summary>A copy of the network as it was when the stage began, for the KL loss; null for none.</summary>
    public PixSearchNetwork? Start { get; set; }

    /// <summary>Share of the masks' gradient that reaches the language model, 0..1.</summary>
    public float MaskGradientIntoText { get; set; } = 1;

    /// <summary>Runs a batch. Results live in the caller's <see cref="TensorScope"/>.</summary>
    public ForwardResult Run(TrainingBatch batch)
    {
        var result = new ForwardResult();
        Tensor? pictures = batch.MaskPixels.Length > 0 ? EncodeForMasks(batch) : null;
        Tensor? seen = batch.TextPixels.Length > 0 ? EncodeForText(network, batch) : null;
        if (batch.PatchNames.Length > 0)
        {
            AddNames(batch, seen!, result);
        }

        if (batch.RowCount > 0)
        {
            (Tensor before, Tensor[] hidden) = RunText(network, batch, seen!);
            Tensor flat = Flatten(hidden);
            AddLanguage(batch, flat, result);
            AddTagger(batch, before, hidden, result);
            if (pictures is not null)
            {
                AddMasks(batch, pictures, flat, result);
            }
        }

        if (pictures is not null && batch.Prompts.Count > 0)
        {
            AddPrompts(batch, pictures, result);
        }

        if (batch.Text is not null)
        {
            AddPlain(batch.Text, result);
        }

        Tensor? total = null;
        foreach ((Tensor loss, float weight) in result.Weighted(settings.Loss))
        {
            Tensor term = backend.Affine(loss, weight);
            total = total is null ? term : backend.Add(total, term);
        }

        result.Total = total ?? throw new ArgumentException("The batch has nothing to learn from.", nameof(batch));
        return result;
    }

    /// <summary>
    /// Hidden states. Shapes: before [pictures, prefix, hidden], hidden of a chunk [rows, tokensMax, hidden].
    /// </summary>
    private (Tensor Before, Tensor[] Hidden) RunText(PixSearchNetwork net, TrainingBatch batch, Tensor seen)
    {
        int pictures = batch.PictureCount;
        Llama text = net.Text;
        int width = seen.Size(2);
        int[] prefixes = [.. Enumerable.Range(0, pictures).SelectMany(_ => prefix)];
        Tensor opening = backend.Reshape(text.Embed(backend, prefixes), new Shape(pictures, prefix.Length, width));
        int length = prefix.Length + seen.Size(1);
        using var shared = new PrefixAttention(text.Rotary(backend, 0, length));
        Tensor before = text.Forward(backend, backend.Concat(1, opening, seen), shared);
        var hidden = new Tensor[batch.Chunks.Count];
        for (int c = 0; c < hidden.Length; c++)
        {
            RowChunk chunk = batch.Chunks[c];
            ReadOnlySpan<int> tokens = batch.Tokens.AsSpan(chunk.Offset, chunk.Count * chunk.TokensMax);
            Tensor x = backend.Reshape(text.Embed(backend, tokens), new Shape(chunk.Count, chunk.TokensMax, width));
            var continued = new ContinuedAttention(text.Rotary(backend, length, chunk.TokensMax), shared,
                batch.PictureOfRow[chunk.Start..(chunk.Start + chunk.Count)]);
            hidden[c] = text.Forward(backend, x, continued);
        }

        return (before, hidden);
    }

    // Chunks [rows, tokens, width] one after the other: [all tokens, width]
    private Tensor Flatten(Tensor[] chunks)
    {
        Tensor[] flat = [.. chunks.Select(chunk =>
            backend.Reshape(chunk, new Shape(chunk.Size(0) * chunk.Size(1), chunk.Size(2))))];
        return flat.Length == 1 ? flat[0] : backend.Concat(0, flat);
    }

    private void AddLanguage(TrainingBatch batch, Tensor flat, ForwardResult result)
    {
        var states = new List<int>();
        var targets = new List<int>();
        var places = new List<(int Row, int Token)>();
        for (int r = 0; r < batch.RowCount; r++)
        {
            PreparedSample sample = batch.Rows[r];
            for (int t = 1; t < sample.Tokens.Length; t++)
            {
                if (sample.Learned[t])
                {
                    states.Add(batch.Offsets[r] + t - 1);
                    targets.Add(sample.Tokens[t]);
                    places.Add((r, t));
                }
            }
        }

        // Only rows that are learned go through the output layer: with evidence masked that is a third of them.
        Tensor logits = network.Text.Logits(backend, backend.Gather(flat, [.. states]));
        float[] weights = new float[states.Count];
        Array.Fill(weights, 1);
        result.TextLogits = logits;
        result.TextPlaces = places;
        result.TextTargets = [.. targets];
        result.Language = CrossEntropyLoss.Apply(backend, logits, result.TextTargets, weights);
    }

    // Texts without pictures, from position 0 on (rotary positions are relative, so where they begin does not matter).
    private void AddPlain(TextBatch batch, ForwardResult result)
    {
        Llama text = network.Text;
        var hidden = new Tensor[batch.Chunks.Count];
        for (int c = 0; c < hidden.Length; c++)
        {
            RowChunk chunk = batch.Chunks[c];
            ReadOnlySpan<int> tokens = batch.Tokens.AsSpan(chunk.Offset, chunk.Count * chunk.TokensMax);
            Tensor x = text.Embed(backend, tokens);
            x = backend.Reshape(x, new Shape(chunk.Count, chunk.TokensMax, x.Size(1)));
            hidden[c] = text.ForwardSequence(backend, x, AttentionMask.CausalOnly);
        }

        var states = new List<int>();
        var targets = new List<int>();
        for (int r = 0; r < batch.Rows.Count; r++)
        {
            TextRow row = batch.Rows[r];
            for (int t = 1; t < row.Tokens.Length; t++)
            {
                if (row.Learned[t])
                {
                    states.Add(batch.Offsets[r] + t - 1);
                    targets.Add(row.Tokens[t]);
                }
            }
        }

        float[] weights = new float[states.Count];
        Array.Fill(weights, 1);
        Tensor logits = text.Logits(backend, backend.Gather(Flatten(hidden), [.. states]));
        result.Plain = CrossEntropyLoss.Apply(backend, logits, [.. targets], weights);
    }

    private void AddTagger(TrainingBatch batch, Tensor before, Tensor[] hidden, ForwardResult result)
    {
        int shift = before.Size(1);
        var targets = new List<int>();
        var weights = new List<float>();
        var logits = new Tensor[hidden.Length];
        result.TaggerOffsets = new int[batch.RowCount];
        for (int c = 0; c < hidden.Length; c++)
        {
            RowChunk chunk = batch.Chunks[c];
            int length = shift + chunk.TokensMax;
            float[] valid = new float[chunk.Count * length];
            for (int r = 0; r < chunk.Count; r++)
            {
                int row = chunk.Start + r;
                int seen = shift + batch.TaggerLengths[row];
                valid.AsSpan(r * length, seen).Fill(1);
                result.TaggerOffsets[row] = targets.Count;
                AddLabels(batch.Rows[row], shift, seen, length, targets, weights);
            }

            int[] pictures = batch.PictureOfRow[chunk.Start..(chunk.Start + chunk.Count)];
            Tensor all = backend.Concat(1, backend.Gather(before, pictures), hidden[c]);
            logits[c] = network.Tagger.Forward(backend, all, backend.From(valid, new Shape(chunk.Count, length)));
        }

        result.TaggerLogits = Flatten(logits);
        if (weights.Exists(weight => weight > 0))
        {
            result.Span = CrossEntropyLoss.Apply(backend, result.TaggerLogits, [.. targets], [.. weights]);
        }
    }

    // PLUM: only conversations with a span teach the tagger.
    private static void AddLabels(PreparedSample sample, int shift, int seen, int length, List<int> targets,
        List<float> weights)
    {
        for (int i = 0; i < length; i++)
        {
            int label = i < shift || i >= seen ? 0 : sample.Labels[i - shift];
            targets.Add(label);
            weights.Add(i >= seen || sample.Spans.Count == 0 ? 0 : label == 0 ? OutsideWeight : 1);
        }
    }

    private Tensor EncodeForText(PixSearchNetwork net, TrainingBatch batch)
    {
        int side = net.Config.VisionConfig.ImageSize;
        return net.EncodeForText(backend,
            backend.From(batch.TextPixels, new Shape(batch.PictureCount, 3, side, side)));
    }

    private void AddNames(TrainingBatch batch, Tensor seen, ForwardResult result)
    {
        // A final hidden state has unit mean square, a word's embedding unit norm: so patches come out like words, and
        // heads that match words find them.
        int count = seen.Size(0) * seen.Size(1);
        Tensor rows = backend.Affine(backend.Reshape(seen, new Shape(count, seen.Size(2))), MathF.Sqrt(seen.Size(2)));
        Tensor logits = network.Text.Logits(backend, rows);
        int[] targets = [.. batch.PatchNames.Select(name => Math.Max(name, PatchNamer.Nothing))];
        float[] weights = [.. batch.PatchNames.Select(name =>
            name == PatchNamer.Unclear ? 0 : name == PatchNamer.Nothing ? NothingWeight : 1)];
        result.NameLogits = logits;
        result.Name = CrossEntropyLoss.Apply(backend, logits, targets, weights);
    }

    private Tensor EncodeForMasks(TrainingBatch batch)
    {
        int side = network.Config.SamConfig.ImageSize;
        return network.EncodeForMasks(backend,
            backend.From(batch.MaskPixels, new Shape(batch.PictureCount, 3, side, side)));
    }

    // Points and boxes, as SAM itself is trained: no text takes part.
    private void AddPrompts(TrainingBatch batch, Tensor pictures, ForwardResult result)
    {
        // A point is followed by "not a point", a box has two corners: two tokens each, so that all go in one batch.
        Tensor sparse = backend.Concat(0, [.. batch.Prompts.Select(row => row.Box is { } box
            ? network.Prompts.EncodePoints(backend, [], [box])
            : network.Prompts.EncodePoints(backend, [row.Point!.Value], []))]);
        int[] pictureOfRow = [.. batch.Prompts.Select(row => row.Picture)];
        Tensor masks = network.Masks.Forward(backend, pictures, pictureOfRow, network.Prompts.DensePositions(backend),
            sparse, network.Prompts.NoMask(backend)).Masks;
        masks = ToLossSize(backend.Reshape(masks, new Shape(masks.Size(0), masks.Size(2), masks.Size(3))));
        result.PromptLogits = masks;
        result.Prompt = MaskLosses.FocalTversky(backend, masks, batch.PromptTargets, settings.Loss.MissWeight);
        result.PromptBce = MaskLosses.BinaryCrossEntropy(backend, masks, batch.PromptTargets);
    }

    // Shapes: masks [rows, side, side], result [rows, pixels]
    private Tensor ToLossSize(Tensor masks)
    {
        int size = settings.MaskLossSize;
        if (masks.Size(1) != size)
        {
            Tensor channels = backend.Reshape(masks, new Shape(masks.Size(0), 1, masks.Size(1), masks.Size(2)));
            masks = backend.Resize(channels, size, size, ResizeMode.Bilinear);
        }

        return backend.Reshape(masks, new Shape(masks.Size(0), size * size));
    }

    private void AddMasks(TrainingBatch batch, Tensor pictures, Tensor flat, ForwardResult result)
    {
        var spans = new List<Grounding>();
        var rows = new List<MaskRow>();
        for (int r = 0; r < batch.RowCount; r++)
        {
            foreach (PreparedSpan span in batch.Rows[r].Spans)
            {
                int at = batch.Offsets[r];
                spans.Add(new Grounding(at + span.Start, at + span.End));
                rows.Add(new MaskRow(batch.PictureOfRow[r], r));
            }
        }

        if (spans.Count == 0)
        {
            return;
        }

        // The same numbers, of which only a share is recorded.
        float share = MaskGradientIntoText;
        Tensor states = share == 1 ? flat
            : backend.Add(backend.Affine(backend.Detach(flat), 1 - share), backend.Affine(flat, share));
        Tensor queries = network.Queries.ForwardSpans(backend, states, spans);
        Tensor masks = ToLossSize(network.Feedback.Decode(backend, pictures, queries, rows));
        result.MaskLogits = masks;
        result.Mask = MaskLosses.FocalTversky(backend, masks, batch.MaskTargets, settings.Loss.MissWeight);
        result.MaskBce = MaskLosses.BinaryCrossEntropy(backend, masks, batch.MaskTargets);
        if (Start is not null && settings.Loss.Start > 0)
        {
            result.Start = StartDistance(batch, queries, spans);
        }
    }

    private Tensor StartDistance(TrainingBatch batch, Tensor queries, List<Grounding> spans)
    {
        Tensor first;
        using (backend.NoGradient())
        {
            (_, Tensor[] hidden) = RunText(Start!, batch, EncodeForText(Start!, batch));
            first = Start!.Queries.ForwardSpans(backend, Flatten(hidden), spans);
        }

        return SpanDistanceLoss.Apply(backend, queries, first);
    }
}
