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
/// The forward pass of training (PixSearch Eq. 6): pictures once, the shared beginning of the prompts once a picture, the
/// questions behind it; then the losses of text, tagger and masks with the true spans (teacher forcing).
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

    /// <summary>A copy of the network as it was when the stage began, for the KL loss; null for none.</summary>
    public PixSearchNetwork? Start { get; set; }

    /// <summary>Runs a batch. Results live in the caller's <see cref="TensorScope"/>.</summary>
    public ForwardResult Run(TrainingBatch batch)
    {
        (Tensor before, Tensor hidden) = RunText(network, batch);
        var flatShape = new Shape(batch.RowCount * batch.TokensMax, hidden.Size(2));
        Tensor flat = backend.Reshape(hidden, flatShape);
        var result = new ForwardResult();
        AddLanguage(batch, flat, result);
        AddTagger(batch, before, hidden, result);
        AddMasks(batch, flat, result);
        Tensor? total = null;
        foreach ((Tensor loss, float weight) in result.Weighted(settings.Loss))
        {
            Tensor term = backend.Affine(loss, weight);
            total = total is null ? term : backend.Add(total, term);
        }

        result.Total = total ?? throw new ArgumentException("The batch has nothing to learn from.", nameof(batch));
        return result;
    }

    /// <summary>Hidden states. Shapes: before [pictures, prefix, hidden], hidden [rows, tokensMax, hidden].</summary>
    private (Tensor Before, Tensor Hidden) RunText(PixSearchNetwork net, TrainingBatch batch)
    {
        int pictures = batch.PictureCount;
        int side = net.Config.VisionConfig.ImageSize;
        Llama text = net.Text;
        Tensor pixels = backend.From(batch.TextPixels, new Shape(pictures, 3, side, side));
        Tensor seen = net.EncodeForText(backend, pixels);
        int width = seen.Size(2);
        int[] prefixes = [.. Enumerable.Range(0, pictures).SelectMany(_ => prefix)];
        Tensor opening = backend.Reshape(text.Embed(backend, prefixes), new Shape(pictures, prefix.Length, width));
        int length = prefix.Length + seen.Size(1);
        using var shared = new PrefixAttention(text.Rotary(backend, 0, length));
        Tensor before = text.Forward(backend, backend.Concat(1, opening, seen), shared);
        Tensor x = backend.Reshape(text.Embed(backend, batch.Tokens), new Shape(batch.RowCount, batch.TokensMax, width));
        var continued = new ContinuedAttention(text.Rotary(backend, length, batch.TokensMax), shared, batch.PictureOfRow);
        return (before, text.Forward(backend, x, continued));
    }

    private void AddLanguage(TrainingBatch batch, Tensor flat, ForwardResult result)
    {
        var rows = new List<int>();
        var targets = new List<int>();
        for (int r = 0; r < batch.RowCount; r++)
        {
            PreparedSample sample = batch.Rows[r];
            for (int t = 1; t < sample.Tokens.Length; t++)
            {
                if (sample.Learned[t])
                {
                    rows.Add((r * batch.TokensMax) + t - 1);
                    targets.Add(sample.Tokens[t]);
                }
            }
        }

        // Only rows that are learned go through the output layer: with evidence masked that is a third of them.
        Tensor logits = network.Text.Logits(backend, backend.Gather(flat, [.. rows]));
        float[] weights = new float[rows.Count];
        Array.Fill(weights, 1);
        result.TextLogits = logits;
        result.TextRows = [.. rows];
        result.TextTargets = [.. targets];
        result.Language = CrossEntropyLoss.Apply(backend, logits, result.TextTargets, weights);
    }

    private void AddTagger(TrainingBatch batch, Tensor before, Tensor hidden, ForwardResult result)
    {
        int shift = before.Size(1);
        int length = shift + batch.TokensMax;
        float[] valid = new float[batch.RowCount * length];
        int[] targets = new int[valid.Length];
        float[] weights = new float[valid.Length];
        float weightSum = 0;
        for (int r = 0; r < batch.RowCount; r++)
        {
            PreparedSample sample = batch.Rows[r];
            int seen = shift + batch.TaggerLengths[r];
            valid.AsSpan(r * length, seen).Fill(1);
            if (sample.Spans.Count == 0)
            {
                continue; // PLUM: only conversations with a span teach the tagger
            }

            for (int i = 0; i < seen; i++)
            {
                int label = i < shift ? 0 : sample.Labels[i - shift];
                targets[(r * length) + i] = label;
                weightSum += weights[(r * length) + i] = label == 0 ? OutsideWeight : 1;
            }
        }

        Tensor all = backend.Concat(1, backend.Gather(before, batch.PictureOfRow), hidden);
        Tensor keyValid = backend.From(valid, new Shape(batch.RowCount, length));
        Tensor logits = network.Tagger.Forward(backend, all, keyValid);
        result.TaggerLogits = logits;
        if (weightSum > 0)
        {
            Tensor flat = backend.Reshape(logits, new Shape(valid.Length, SpanTagger.LabelCount));
            result.Span = CrossEntropyLoss.Apply(backend, flat, targets, weights);
        }
    }

    private void AddMasks(TrainingBatch batch, Tensor flat, ForwardResult result)
    {
        var spans = new List<Grounding>();
        var rows = new List<MaskRow>();
        for (int r = 0; r < batch.RowCount; r++)
        {
            foreach (PreparedSpan span in batch.Rows[r].Spans)
            {
                int at = r * batch.TokensMax;
                spans.Add(new Grounding(at + span.Start, at + span.End));
                rows.Add(new MaskRow(batch.PictureOfRow[r], r));
            }
        }

        if (spans.Count == 0)
        {
            return;
        }

        int side = network.Config.SamConfig.ImageSize;
        Tensor pixels = backend.From(batch.MaskPixels, new Shape(batch.PictureCount, 3, side, side));
        Tensor queries = network.Queries.ForwardSpans(backend, flat, spans);
        Tensor masks = network.Feedback.Decode(backend, network.EncodeForMasks(backend, pixels), queries, rows);
        int size = settings.MaskLossSize;
        if (masks.Size(1) != size)
        {
            Tensor channels = backend.Reshape(masks, new Shape(spans.Count, 1, masks.Size(1), masks.Size(2)));
            masks = backend.Resize(channels, size, size, ResizeMode.Bilinear);
        }

        masks = backend.Reshape(masks, new Shape(spans.Count, size * size));
        result.MaskLogits = masks;
        result.Mask = MaskLosses.FocalTversky(backend, masks, batch.MaskTargets);
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
            (_, Tensor hidden) = RunText(Start!, batch);
            Tensor flat = backend.Reshape(hidden, new Shape(batch.RowCount * batch.TokensMax, hidden.Size(2)));
            first = Start!.Queries.ForwardSpans(backend, flat, spans);
        }

        return SpanDistanceLoss.Apply(backend, queries, first);
    }
}
