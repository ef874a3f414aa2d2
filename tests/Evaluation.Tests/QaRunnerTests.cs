using System.Runtime.CompilerServices;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;

namespace PixSearch.Evaluation.Tests;

/// <summary>
/// Goal: what sessions say becomes the right records, files and tables. Method: a data set of two scenes on disk and a
/// service that plays events written in the test.
/// </summary>
public sealed class QaRunnerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pixsearch-eval-").FullName;

    public QaRunnerTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "kb"));
        File.WriteAllText(Path.Combine(_folder, "kb", "documents.jsonl"), """
            {"id":"d1","title":"Fiji","text":"capital Suva","picture":"fj.png","entity":"flag:FJ"}
            {"id":"d2","title":"Malta","text":"capital Valletta","picture":"mt.png","entity":"flag:MT"}
            {"id":"currency:EUR","title":"Euro","text":"code EUR","picture":null,"entity":null}
            """);
        File.WriteAllBytes(Path.Combine(_folder, "a.png"), PictureCodec.EncodePng(new RgbImage(4, 4, new byte[48])));
        string mask = RleCodec.Encode(Mask(0, 8)).Counts;
        File.WriteAllText(Path.Combine(_folder, "test.jsonl"), Sample("q1", "s1", "ego", "region", mask) + "\n"
            + Sample("q2", "s2", "non-ego", "region", mask) + "\n");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task RunAsync_RightAnswer_IsCorrectWithSearchesAndMasks()
    {
        (QaRecord record, _) = await RunOneAsync(
            new SearchStarted(1, SearchModality.Region, "The flag", 1) { Sequence = 0 },
            new MaskFound(1, RleCodec.Encode(Mask(0, 4)), default, 0.9f, "The flag") { Sequence = 1 },
            new Evidence(1, [Hit("d1"), Hit("d2")], false, "Fiji: capital Suva") { Sequence = 2 },
            new TextDelta("The flag is Fiji. ") { Sequence = 3 },
            new TextDelta("Its capital is Suva.") { Sequence = 4 },
            new Finished(FinishReason.Stop) { Sequence = 5 });
        Assert.Equal(Verdict.Correct, record.Verdict);
        Assert.Equal("The flag is Fiji. Its capital is Suva.", record.Answer);
        QaSearch search = Assert.Single(record.Searches);
        Assert.Equal(("region", "The flag", "flag:FJ"), (search.Modality, search.Query, search.TopEntity));
        Assert.Equal(["d1", "d2"], search.Documents);
        Assert.Equal(new QaGold("region", "flag:FJ", true), Assert.Single(record.Gold));
        Assert.Equal(new QaMask("flag:FJ", "flag", 4, 8, RleCodec.Encode(Mask(0, 4)).Counts),
            Assert.Single(record.Masks));
        Assert.Null(record.Error);
    }

    [Fact]
    public async Task RunAsync_WrongEntityFirst_IsWrongAndNotFound()
    {
        (QaRecord record, _) = await RunOneAsync(
            new SearchStarted(1, SearchModality.Image, "", null) { Sequence = 0 },
            new Evidence(1, [Hit("d2"), Hit("d1")], true, "Malta") { Sequence = 1 },
            new TextDelta("Its capital is Valletta.") { Sequence = 2 },
            new Finished(FinishReason.Stop) { Sequence = 3 });
        Assert.Equal(Verdict.Wrong, record.Verdict);
        Assert.False(Assert.Single(record.Gold).Found);
        Assert.True(record.Searches[0].Partial);

        // No mask at all counts as an empty one: IoU 0 over the target's 8 pixels.
        Assert.Equal(new QaMask("flag:FJ", "flag", 0, 8), Assert.Single(record.Masks));
    }

    [Fact]
    public async Task RunAsync_MaskOfOtherPhraseFirst_IsPairedByPhrase()
    {
        (QaRecord record, _) = await RunOneAsync(
            new MaskFound(1, RleCodec.Encode(Mask(8, 16)), default, 0.9f, "the apple") { Sequence = 0 },
            new MaskFound(2, RleCodec.Encode(Mask(0, 8)), default, 0.9f, "the  FLAG") { Sequence = 1 },
            new TextDelta("I don't know.") { Sequence = 2 },
            new Finished(FinishReason.Stop) { Sequence = 3 });
        Assert.Equal(new QaMask("flag:FJ", "flag", 8, 8, RleCodec.Encode(Mask(0, 8)).Counts),
            Assert.Single(record.Masks));
        Assert.Equal(Verdict.Missing, record.Verdict);
    }

    [Fact]
    public async Task RunAsync_SessionFails_CountsAsWrongAndGoesOn()
    {
        (QaRecord record, ScriptedService service) = await RunOneAsync(
            new TextDelta("Its capital is Suva.") { Sequence = 0 },
            new Failed(PixErrorKind.Overloaded, "full") { Sequence = 1 });
        Assert.Equal((Verdict.Wrong, "Overloaded: full"), (record.Verdict, record.Error));
        Assert.Empty(service.Cancelled);
    }

    [Fact]
    public async Task RunAsync_StreamBreaksOff_CancelsTheSession()
    {
        (_, ScriptedService service) = await RunOneAsync(new TextDelta("Its") { Sequence = 0 });
        Assert.Equal(["q1", "q2"], service.Cancelled.Order());
    }

    [Fact]
    public async Task RunAsync_ManyAtOnce_KeepsTheOrderOfSamplesAndAsksGreedily()
    {
        EvalDataset data = EvalDataset.Load(_folder, "test");
        var service = new ScriptedService(
            [new TextDelta("Suva") { Sequence = 0 }, new Finished(FinishReason.Stop) { Sequence = 1 }]);
        EvalSample[] samples =
            [.. Enumerable.Range(0, 50).Select(i => data.Samples[i % 2] with { Id = $"q{i}", Question = $"q{i}" })];
        var seen = new List<string>();
        IReadOnlyList<QaRecord> records =
            await new QaRunner(service, data, new QaOptions { Concurrency = 8, TokensMax = 9 })
            .RunAsync(samples, SearchMode.Text, record => seen.Add(record.Id), default);
        Assert.Equal(samples.Select(one => one.Id), records.Select(one => one.Id));
        Assert.Equal(50, seen.Distinct().Count());
        Assert.All(service.Requests, request => Assert.Equal((SearchMode.Text, 0f, 9),
            (request.Mode, request.Sampling.Temperature, request.Sampling.MaxTokens)));
    }

    [Fact]
    public async Task Log_RunAgainAfterACutOffLine_KeepsWholeRecordsOnly()
    {
        (QaRecord record, _) = await RunOneAsync(new TextDelta("Côte") { Sequence = 0 });
        string path = Path.Combine(_folder, "out", "answers-auto.jsonl");
        using (QaLog log = QaLog.Open(path, "run 1"))
        {
            log.Append(record);
            log.Append(record with { Id = "second" });
        }

        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^20]);
        using (QaLog log = QaLog.Open(path, "run 1"))
        {
            Assert.Equal(["q1"], log.Records.Keys);
            Assert.Equal(record.Answer, log.Records["q1"].Answer);
            log.Append(record with { Id = "third" });
        }

        using (QaLog log = QaLog.Open(path, "run 1"))
        {
            Assert.Equal(["q1", "third"], log.Records.Keys.Order());
        }

        PixException error = Assert.Throws<PixException>(() => QaLog.Open(path, "run 2"));
        Assert.Contains("another run", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_TwoModes_SumsGroupsRatiosAndCsv()
    {
        (QaRecord record, _) = await RunOneAsync(new TextDelta("Its capital is Suva.") { Sequence = 0 },
            new Finished(FinishReason.Stop) { Sequence = 1 });
        QaRecord right = record with { Id = "1", Scene = "1" };
        QaRecord wrong = record with { Id = "2", Scene = "2", View = "non-ego", Verdict = Verdict.Wrong };
        QaReport report = QaReport.Of(
        [
            ("image", [right with { Verdict = Verdict.Wrong }, right with { Id = "3", Scene = "1" }, wrong]),
            ("auto", [right, right with { Id = "3", Scene = "1" }, wrong]),
        ]);
        QaGroup auto = report.Groups.Single(group => group is { Mode: "auto", Group: "overall" });
        Assert.Equal(2.0 / 3, auto.Scores.Accuracy.Value, 12);
        Assert.Equal(0, report.Groups.Single(group => group is { Mode: "auto", Group: "non-ego" })
            .Scores.Accuracy.Value);
        Assert.Equal(3, report.Groups.Single(group => group is { Mode: "auto", Group: "needs search" }).Scores.Count);
        Assert.Equal([2.0, 0.5], report.Ratios.Select(ratio => ratio.Ratio.Value));
        string[] lines = QaReportFiles.ToCsv(report).TrimEnd('\n').Split('\n');
        Assert.Equal(1 + report.Groups.Count, lines.Length);
        Assert.All(lines, line => Assert.Equal(lines[0].Count(c => c == ','), line.Count(c => c == ',')));
        Assert.StartsWith("auto,overall,3,0.3333,",
            lines.Single(line => line.StartsWith("auto,overall", StringComparison.Ordinal)),
            StringComparison.Ordinal);
        RgbImage picture = QaReportFiles.ToPicture(report, "test");
        Assert.True(picture.Pixels.ToArray().Distinct().Count() > 2);
    }

    [Theory]
    [InlineData("""{"id":"x"}""", "is no sample")]
    [InlineData("nonsense", "not valid JSON")]
    public void Dataset_BadLine_NamesFileAndLine(string line, string what)
    {
        File.AppendAllText(Path.Combine(_folder, "test.jsonl"), line);
        PixException error = Assert.Throws<PixException>(() => EvalDataset.Load(_folder, "test"));
        Assert.Contains("test.jsonl:3 ", error.Message, StringComparison.Ordinal);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dataset_DocumentOfNoEntity_IsNamedByItself()
    {
        EvalDataset data = EvalDataset.Load(_folder, "test");
        Assert.Equal(("flag:FJ", "currency:EUR", null),
            (data.EntityOf("d1"), data.EntityOf("currency:EUR"), data.EntityOf("?")));
        Assert.Equal(["flag:FJ", "flag:MT"], data.PicturedEntities.Order());
    }

    private async Task<(QaRecord Record, ScriptedService Service)> RunOneAsync(params SessionEvent[] events)
    {
        EvalDataset data = EvalDataset.Load(_folder, "test");
        var service = new ScriptedService(events);
        IReadOnlyList<QaRecord> records = await new QaRunner(service, data, new QaOptions())
            .RunAsync(data.Samples, SearchMode.Auto, _ => { }, default);
        return (records[0], service);
    }

    private static EvidenceHit Hit(string id) => new(id, id, "", 1, SearchModality.Region);

    private static BinaryMask Mask(int start, int end)
    {
        var mask = new BinaryMask(4, 4);
        mask.Bits[start..end].Fill(1);
        return mask;
    }

    private static string Sample(string id, string scene, string view, string kind, string mask) =>
        JsonSerializer.Serialize(new
    {
        id,
        scene,
        image = "a.png",
        width = 4,
        height = 4,
        view,
        stage = 2,
        kind,
        question = id,
        variants = new[] { "Suva" },
        entities = new[] { new { id = "flag:FJ", label = "flag", mask =
        new { size = new[] { 4, 4 }, counts = mask } } },
        target = new[] { 0 },
        trajectory = "The flag<search><region></search> is Fiji. Its capital is Suva.",
        spans = new[] { new { start = 0, end = 8, entity = 0 } },
        searches = new[] { new { modality = "region", query = "", gold = "flag:FJ" } },
    });

    private sealed class ScriptedService(IReadOnlyList<SessionEvent> events) : IAnswerService
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<AnswerRequest> _requests = new();
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _cancelled = new();

        public IReadOnlyCollection<AnswerRequest> Requests => _requests;

        public IReadOnlyCollection<string> Cancelled => _cancelled;

        public ValueTask<string> StartAsync(AnswerRequest request, CancellationToken cancellation)
        {
            _requests.Enqueue(request);
            return ValueTask.FromResult(request.Question);
        }

        public async IAsyncEnumerable<SessionEvent> ReadAsync(string sessionId, long fromSequence,
            [EnumeratorCancellation] CancellationToken cancellation)
        {
            foreach (SessionEvent item in events)
            {
                await Task.Yield();
                yield return item;
            }
        }

        public ValueTask<bool> CancelAsync(string sessionId, CancellationToken cancellation)
        {
            _cancelled.Enqueue(sessionId);
            return ValueTask.FromResult(true);
        }

        public ValueTask<SessionInfo?> FindAsync(string sessionId, CancellationToken cancellation) =>
            ValueTask.FromResult<SessionInfo?>(null);
    }
}
