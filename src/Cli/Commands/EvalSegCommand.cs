using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Cli.Evaluating;
using PixSearch.Evaluation;

namespace PixSearch.Cli.Commands;

/// <summary><c>px eval seg</c>: masks of the segmentation questions, by gIoU, cIoU and mIoU.</summary>
internal static class EvalSegCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var setup = new EvalSetup();
        var command = new Command("seg", "gIoU, cIoU and mIoU of masks on the segmentation questions.");
        setup.AddTo(command);
        command.SetAction((parsed, cancellation) => RunAsync(setup, parsed, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(EvalSetup setup, ParseResult parsed, CancellationToken cancellation)
    {
        EvalDataset data = EvalDataset.Load(parsed.GetValue(setup.Data)!, parsed.GetValue(setup.Split)!);
        IReadOnlyList<EvalSample> samples = setup.Choose(parsed, data, sample => sample.Stage == 1);
        var options = new QaOptions { Concurrency = parsed.GetValue(setup.Parallel) };
        List<(string, IReadOnlyList<QaRecord> Records)> runs =
            await QaRun.RunAsync(setup, parsed, data, samples, [SearchMode.None],
            options, cancellation).ConfigureAwait(false);
        QaMask[] masks = [.. runs[0].Records.SelectMany(record => record.Masks)];
        MaskOverlap[] overlaps = [.. masks.Select(mask => mask.Overlap)];
        var result = new
        {
            questions = samples.Count,
            masks = masks.Length,
            failed = runs[0].Records.Count(record => record.Error is not null),
            gIoU = SegmentationScores.GeneralizedIou(overlaps),
            cIoU = SegmentationScores.CumulativeIou(overlaps),
            mIoU = SegmentationScores.MeanIou(masks.Select(mask => (mask.Label, mask.Overlap))),
        };
        TextWriter output = parsed.InvocationConfiguration.Output;
        await output.WriteLineAsync(parsed.GetValue(setup.Json)
            ? JsonSerializer.Serialize(result)
            : string.Create(CultureInfo.InvariantCulture,
            $"{result.questions} questions, {result.masks} masks, {result.failed} failed: "
                + $"gIoU {100 * result.gIoU:0.00}, cIoU {100 * result.cIoU:0.00}, mIoU over labels "
                + $"{100 * result.mIoU:0.00}"))
            .ConfigureAwait(false);
        return 0;
    }
}
