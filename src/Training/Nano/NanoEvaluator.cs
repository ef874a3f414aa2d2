using PixSearch.Abstractions;
using PixSearch.Autodiff;
using PixSearch.Models;
using PixSearch.Models.Plum;
using PixSearch.Tensors;
using PixSearch.Training.Loading;
using PixSearch.Training.Running;
using PixSearch.Training.Settings;

namespace PixSearch.Training.Nano;

/// <summary>
/// Cheap measures on the validation split, without decoding: losses; IoU of masks of the true spans; F1 of exactly
/// found spans;
/// share of samples whose every learned token (or every token of the final answer behind the true evidence) is the most
/// likely one, which is what greedy decoding would then write.
/// </summary>
internal sealed class NanoEvaluator(AutodiffBackend backend, TrainingForward forward, BatchBuilder builder,
    SampleSet samples, TrainingSettings settings, int prefixSlots)
{
    private const ulong ChoiceSeed = 20260815;
    private const int PromptsPerPicture = 2;

    public IReadOnlyList<Metric> Evaluate()
    {
        if (settings.EvaluateSamples == 0)
        {
            return [];
        }

        var sums = new Sums();
        bool names = settings.Stages.Any(stage => stage.NamesPatches);
        using IDisposable region = backend.NoGradient();
        foreach (IReadOnlyList<PreparedSample>[] part in Choose().Chunk(settings.BatchPictures))
        {
            using var scope = new TensorScope();
            TrainingBatch batch = builder.Build(part, new BatchParts(Prompts: PromptsPerPicture, Names: names),
                new SeededRandom(ChoiceSeed));
            ForwardResult result = forward.Run(batch);
            sums.AddLosses(result.Values());
            CountText(batch, result, sums);
            CountNames(batch, result, sums);
            CountSpans(batch, result, sums);
            CountMasks(result.MaskLogits, batch.MaskTargets, sums.AddMask);
            CountMasks(result.PromptLogits, batch.PromptTargets, sums.AddPrompt);
        }

        return sums.ToMetrics();
    }

    // The same samples at every evaluation of every run.
    private List<IReadOnlyList<PreparedSample>> Choose()
    {
        PreparedSample[] all = [.. samples.Groups.SelectMany(group => group)];
        new SeededRandom(ChoiceSeed).Shuffle<PreparedSample>(all);
        return [.. all.Take(settings.EvaluateSamples).GroupBy(sample => sample.Picture)
            .Select(group => (IReadOnlyList<PreparedSample>)[.. group])];
    }

    private void CountText(TrainingBatch batch, ForwardResult result, Sums sums)
    {
        int[] best = backend.ArgMax(result.TextLogits!);
        bool[] exact = new bool[batch.RowCount];
        bool[] answered = new bool[batch.RowCount];
        Array.Fill(exact, true);
        Array.Fill(answered, true);
        for (int i = 0; i < best.Length; i++)
        {
            (int row, int token) = result.TextPlaces[i];
            bool right = best[i] == result.TextTargets[i];
            exact[row] &= right;
            answered[row] &= right || token < batch.Rows[row].AnswerStart;
        }

        for (int row = 0; row < batch.RowCount; row++)
        {
            sums.AddText(batch.Rows[row].Kind, exact[row], answered[row]);
        }
    }

    private void CountSpans(TrainingBatch batch, ForwardResult result, Sums sums)
    {
        int[] labels = backend.ArgMax(result.TaggerLogits!);
        for (int row = 0; row < batch.RowCount; row++)
        {
            PreparedSample sample = batch.Rows[row];
            ReadOnlySpan<int> own = labels.AsSpan(result.TaggerOffsets[row], prefixSlots + sample.Tokens.Length);
            HashSet<(int, int)> found = [.. SpanRule.Spans(own).Select(span => (span.Start, span.End))];
            int right = sample.Spans.Count(span => found.Contains((span.Start + prefixSlots, span.End + prefixSlots)));
            sums.AddSpans(right, found.Count, sample.Spans.Count);
        }
    }

    // Only patches with a thing: most have none, and saying so is easy.
    private void CountNames(TrainingBatch batch, ForwardResult result, Sums sums)
    {
        if (result.NameLogits is null)
        {
            return;
        }

        int[] best = backend.ArgMax(result.NameLogits);
        for (int i = 0; i < best.Length; i++)
        {
            if (batch.PatchNames[i] > PatchNamer.Nothing)
            {
                sums.AddName(best[i] == batch.PatchNames[i]);
            }
        }
    }

    private static void CountMasks(Tensor? logits, float[] targets, Action<double> add)
    {
        if (logits is null)
        {
            return;
        }

        int pixels = logits.Size(1);
        for (int mask = 0; mask < logits.Size(0); mask++)
        {
            ReadOnlySpan<float> scores = logits.Span.Slice(mask * pixels, pixels);
            ReadOnlySpan<float> target = targets.AsSpan(mask * pixels, pixels);
            int both = 0;
            int either = 0;
            for (int i = 0; i < pixels; i++)
            {
                bool a = scores[i] > 0;
                bool b = target[i] > 0.5f;
                both += a && b ? 1 : 0;
                either += a || b ? 1 : 0;
            }

            add(either == 0 ? 1 : (double)both / either);
        }
    }

    private sealed class Sums
    {
        private readonly Dictionary<string, (int Right, int All)> _answers = new(StringComparer.Ordinal);
        private LossValues _losses;
        private int _batches;
        private int _maskBatches;
        private int _exact;
        private int _rows;
        private int _spansRight;
        private int _spansFound;
        private int _spansTrue;
        private double _iou;
        private double _iouHalf;
        private int _masks;
        private double _promptIou;
        private int _prompts;
        private int _namesRight;
        private int _names;

        public void AddLosses(LossValues values)
        {
            _batches++;
            bool masks = float.IsFinite(values.Mask);
            _maskBatches += masks ? 1 : 0;
            _losses = new LossValues(_losses.Total + values.Total, _losses.Language + values.Language, 0,
                _losses.Span + (masks ? values.Span : 0), _losses.Mask + (masks ? values.Mask : 0),
                _losses.MaskBce + (masks ? values.MaskBce : 0), 0, 0, 0);
        }

        public void AddText(string kind, bool exact, bool answered)
        {
            _rows++;
            _exact += exact ? 1 : 0;
            (int right, int all) = _answers.GetValueOrDefault(kind);
            _answers[kind] = (right + (answered ? 1 : 0), all + 1);
        }

        public void AddSpans(int right, int found, int real)
        {
            _spansRight += right;
            _spansFound += found;
            _spansTrue += real;
        }

        public void AddMask(double iou)
        {
            _iou += iou;
            _iouHalf += iou > 0.5 ? 1 : 0;
            _masks++;
        }

        public void AddName(bool right)
        {
            _namesRight += right ? 1 : 0;
            _names++;
        }

        public void AddPrompt(double iou)
        {
            _promptIou += iou;
            _prompts++;
        }

        public IReadOnlyList<Metric> ToMetrics()
        {
            var metrics = new List<Metric>
            {
                new("val_loss", (double)_losses.Total / _batches),
                new("val_text", (double)_losses.Language / _batches),
                new("val_tversky", (double)_losses.Mask / _maskBatches),
                new("iou", _iou / _masks),
                new("iou_over_half", _iouHalf / _masks),
                new("prompt_iou", _promptIou / _prompts),
                new("span_f1", 2.0 * _spansRight / Math.Max(1, _spansFound + _spansTrue)),
                new("exact", (double)_exact / _rows),
            };
            if (_names > 0)
            {
                metrics.Add(new Metric("names", (double)_namesRight / _names));
            }

            metrics.AddRange(_answers.OrderBy(pair => pair.Key, StringComparer.Ordinal)
                .Select(pair => new Metric($"answer_{pair.Key}", (double)pair.Value.Right / pair.Value.All)));
            return metrics;
        }
    }
}
