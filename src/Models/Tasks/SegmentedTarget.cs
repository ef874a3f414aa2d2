using PixSearch.Abstractions;
using PixSearch.Imaging.Masks;
using PixSearch.Tensors;

namespace PixSearch.Models.Tasks;

/// <summary>A mask and what it is the mask of.</summary>
/// <param name="Phrase">The phrase of the answer; empty for prompts that are no text.</param>
/// <param name="Mask">In the size of the original picture.</param>
/// <param name="Score">Mean probability over the mask's pixels, or SAM's predicted quality; 0..1.</param>
public sealed record SegmentedTarget(string Phrase, BinaryMask Mask, float Score)
{
    /// <summary>The mask as COCO writes it.</summary>
    public RleMask Rle => RleCodec.Encode(Mask);

    /// <summary>
    /// Masks of logits. Shape: logits [masks, height, width]; a pixel belongs to a mask where its logit is above 0.
    /// </summary>
    internal static IReadOnlyList<SegmentedTarget> FromLogits(IBackend backend, Tensor logits,
        IReadOnlyList<string> phrases)
    {
        (int height, int width) = (logits.Size(1), logits.Size(2));
        float[] numbers = new float[height * width];
        var targets = new List<SegmentedTarget>();
        for (int i = 0; i < phrases.Count; i++)
        {
            using (var scope = new TensorScope())
            {
                backend.Read(backend.Slice(logits, 0, i, 1), numbers);
            }

            targets.Add(new SegmentedTarget(phrases[i], BinaryMask.FromScores(numbers, width, height, 0),
                MeanProbability(numbers)));
        }

        return targets;
    }

    private static float MeanProbability(float[] logits)
    {
        double sum = 0;
        long count = 0;
        foreach (float logit in logits)
        {
            if (logit > 0)
            {
                sum += 1 / (1 + Math.Exp(-logit));
                count++;
            }
        }

        return count == 0 ? 0 : (float)(sum / count);
    }
}
